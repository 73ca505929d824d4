-- What an event is beside a completion, and what it made. Media are counted where the event did not fail.
ALTER TABLE usage_event ADD COLUMN kind TEXT NOT NULL DEFAULT 'completion';
ALTER TABLE usage_event ADD COLUMN image_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN video_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN audio_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN character_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN credits_nano INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_event ADD COLUMN duration_ms INTEGER;
ALTER TABLE usage_event ADD COLUMN agentic_job_id TEXT;
ALTER TABLE usage_event ADD COLUMN trace_id TEXT;
ALTER TABLE usage_event ADD COLUMN department_line TEXT;
CREATE INDEX usage_event_kind ON usage_event (team_id, kind, window_time_ms, id) WHERE kind <> 'completion';
CREATE INDEX usage_event_job ON usage_event (team_id, agentic_job_id, window_time_ms, id)
  WHERE agentic_job_id IS NOT NULL;
CREATE INDEX usage_event_trace ON usage_event (team_id, trace_id, window_time_ms, id) WHERE trace_id IS NOT NULL;

-- A job is there from the first event that names it, or from its declaration. `entity_version` is 0 until an outcome is
-- reported and moves with every amendment.
CREATE TABLE job (
  team_id TEXT NOT NULL REFERENCES team (id),
  agentic_job_id TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  name TEXT,
  type TEXT,
  version TEXT,
  environment TEXT,
  source TEXT NOT NULL CHECK (source IN ('EVENT', 'API')),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  execution_status TEXT,
  outcome_type TEXT,
  outcome_value TEXT,
  outcome_currency TEXT,
  outcome_metadata TEXT,
  outcome_reason TEXT,
  outcome_reported_by TEXT,
  outcome_reported_at_ms INTEGER,
  outcome_updated_at_ms INTEGER,
  outcome_updated_by TEXT,
  entity_version INTEGER NOT NULL,
  PRIMARY KEY (team_id, agentic_job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_created ON job (team_id, created_at_ms, agentic_job_id);
CREATE INDEX job_type ON job (team_id, type);

-- Append-only: the outcome as it was reported (sequence 0) and after each amendment.
CREATE TABLE job_outcome (
  team_id TEXT NOT NULL,
  agentic_job_id TEXT NOT NULL,
  amendment_sequence INTEGER NOT NULL,
  execution_status TEXT NOT NULL,
  outcome_type TEXT,
  outcome_value TEXT,
  outcome_currency TEXT,
  outcome_metadata TEXT,
  reported_by TEXT,
  reported_at_ms INTEGER NOT NULL,
  reason TEXT,
  PRIMARY KEY (team_id, agentic_job_id, amendment_sequence),
  FOREIGN KEY (team_id, agentic_job_id) REFERENCES job (team_id, agentic_job_id)
) STRICT, WITHOUT ROWID;

-- Append-only: what was measured of an outcome, once for each key, provenance and source.
CREATE TABLE job_metric (
  team_id TEXT NOT NULL,
  agentic_job_id TEXT NOT NULL,
  key TEXT NOT NULL,
  provenance TEXT NOT NULL,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  value TEXT NOT NULL,
  recorded_by TEXT,
  reason TEXT,
  recorded_at_ms INTEGER NOT NULL,
  PRIMARY KEY (team_id, agentic_job_id, key, provenance, source),
  FOREIGN KEY (team_id, agentic_job_id) REFERENCES job (team_id, agentic_job_id)
) STRICT, WITHOUT ROWID;

-- The metrics that jobs of a type may carry. A type without any takes every key.
CREATE TABLE job_metric_key (
  team_id TEXT NOT NULL REFERENCES team (id),
  job_type TEXT NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('NUMBER', 'RATE')),
  PRIMARY KEY (team_id, job_type, key)
) STRICT, WITHOUT ROWID;
