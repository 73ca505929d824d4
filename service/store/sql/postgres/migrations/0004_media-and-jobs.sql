-- What an event is beside a completion, and what it made. Media are counted where the event did not fail.
ALTER TABLE usage_event ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'completion';
ALTER TABLE usage_event ADD COLUMN image_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN video_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN audio_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN character_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN credits_nano BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN duration_ms BIGINT;
ALTER TABLE usage_event ADD COLUMN agentic_job_id TEXT COLLATE "C";
ALTER TABLE usage_event ADD COLUMN trace_id TEXT COLLATE "C";
ALTER TABLE usage_event ADD COLUMN department_line TEXT COLLATE "C";
CREATE INDEX usage_event_kind ON usage_event (team_id, kind, window_time_ms, id) WHERE kind <> 'completion';
CREATE INDEX usage_event_job ON usage_event (team_id, agentic_job_id, window_time_ms, id)
  WHERE agentic_job_id IS NOT NULL;
CREATE INDEX usage_event_trace ON usage_event (team_id, trace_id, window_time_ms, id) WHERE trace_id IS NOT NULL;

-- A job is there from the first event that names it, or from its declaration. `entity_version` is 0 until an outcome is
-- reported and moves with every amendment.
CREATE TABLE job (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  agentic_job_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  name TEXT COLLATE "C",
  type TEXT COLLATE "C",
  version TEXT COLLATE "C",
  environment TEXT COLLATE "C",
  source TEXT COLLATE "C" NOT NULL CHECK (source IN ('EVENT', 'API')),
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  execution_status TEXT COLLATE "C",
  outcome_type TEXT COLLATE "C",
  outcome_value TEXT COLLATE "C",
  outcome_currency TEXT COLLATE "C",
  outcome_metadata TEXT COLLATE "C",
  outcome_reason TEXT COLLATE "C",
  outcome_reported_by TEXT COLLATE "C",
  outcome_reported_at_ms BIGINT,
  outcome_updated_at_ms BIGINT,
  outcome_updated_by TEXT COLLATE "C",
  entity_version BIGINT NOT NULL,
  PRIMARY KEY (team_id, agentic_job_id)
);
CREATE INDEX job_created ON job (team_id, created_at_ms, agentic_job_id);
CREATE INDEX job_type ON job (team_id, type);

-- Append-only: the outcome as it was reported (sequence 0) and after each amendment.
CREATE TABLE job_outcome (
  team_id TEXT COLLATE "C" NOT NULL,
  agentic_job_id TEXT COLLATE "C" NOT NULL,
  amendment_sequence BIGINT NOT NULL,
  execution_status TEXT COLLATE "C" NOT NULL,
  outcome_type TEXT COLLATE "C",
  outcome_value TEXT COLLATE "C",
  outcome_currency TEXT COLLATE "C",
  outcome_metadata TEXT COLLATE "C",
  reported_by TEXT COLLATE "C",
  reported_at_ms BIGINT NOT NULL,
  reason TEXT COLLATE "C",
  PRIMARY KEY (team_id, agentic_job_id, amendment_sequence),
  FOREIGN KEY (team_id, agentic_job_id) REFERENCES job (team_id, agentic_job_id)
);

-- Append-only: what was measured of an outcome, once for each key, provenance and source.
CREATE TABLE job_metric (
  team_id TEXT COLLATE "C" NOT NULL,
  agentic_job_id TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  provenance TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  recorded_by TEXT COLLATE "C",
  reason TEXT COLLATE "C",
  recorded_at_ms BIGINT NOT NULL,
  PRIMARY KEY (team_id, agentic_job_id, key, provenance, source),
  FOREIGN KEY (team_id, agentic_job_id) REFERENCES job (team_id, agentic_job_id)
);

-- The metrics that jobs of a type may carry. A type without any takes every key.
CREATE TABLE job_metric_key (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  job_type TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('NUMBER', 'RATE')),
  PRIMARY KEY (team_id, job_type, key)
);
