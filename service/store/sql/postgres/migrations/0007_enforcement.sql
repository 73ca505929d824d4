-- What controls did, with a snapshot of what they were then. A refusal that an SDK reports may name a rule that this
-- service does not know: `control_id` can be null.
ALTER TABLE enforcement_event ALTER COLUMN control_id DROP NOT NULL;
ALTER TABLE enforcement_event ALTER COLUMN window_start_ms DROP NOT NULL;
ALTER TABLE enforcement_event ALTER COLUMN current_value DROP NOT NULL;
ALTER TABLE enforcement_event ALTER COLUMN threshold DROP NOT NULL;
ALTER TABLE enforcement_event
  ADD COLUMN level TEXT COLLATE "C" NOT NULL DEFAULT 'HARD',
  ADD COLUMN outcome TEXT COLLATE "C" NOT NULL DEFAULT 'BLOCKED',
  ADD COLUMN is_shadow BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN rule_id BIGINT,
  ADD COLUMN rule_name TEXT COLLATE "C",
  ADD COLUMN action TEXT COLLATE "C" NOT NULL DEFAULT 'BLOCK',
  ADD COLUMN metric_type TEXT COLLATE "C",
  ADD COLUMN group_by TEXT COLLATE "C",
  ADD COLUMN group_label TEXT COLLATE "C",
  ADD COLUMN window_key TEXT COLLATE "C",
  ADD COLUMN subscriber_email TEXT COLLATE "C",
  ADD COLUMN times BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN details TEXT COLLATE "C",
  ADD COLUMN search_key TEXT COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN affected_key TEXT COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN report_id TEXT COLLATE "C";

-- Events from before there were snapshots say what their control is called now.
UPDATE enforcement_event AS e SET
  level = CASE WHEN e.kind IN ('warn', 'unknown-price') THEN 'WARN' ELSE 'HARD' END,
  outcome = CASE e.kind
    WHEN 'trip' THEN 'BLOCKED' WHEN 'reset' THEN 'RESET' WHEN 'warn' THEN 'WARNED' WHEN 'shadow' THEN 'OBSERVED'
    ELSE 'PRICE_UNKNOWN' END,
  is_shadow = CASE WHEN e.kind = 'shadow' THEN 1 ELSE 0 END,
  rule_id = c.rule_id, rule_name = c.name, action = c.action, metric_type = c.metric_type, group_by = c.group_by,
  group_label = e.group_value,
  search_key = LOWER(c.name || ' ' || COALESCE(e.group_value, '') || ' ' || COALESCE(e.transaction_id, '')),
  affected_key = LOWER(COALESCE(e.group_value, ''))
FROM cost_control c WHERE c.id = e.control_id;
DROP INDEX enforcement_event_team;
DROP INDEX enforcement_event_control;

-- Covers what a page and its count look at, so that a million rows are counted without reading them.
CREATE INDEX enforcement_event_time
  ON enforcement_event (team_id, at_ms, id, level, is_shadow, control_id, kind, times);
CREATE INDEX enforcement_event_rule
  ON enforcement_event (control_id, at_ms, id, level, is_shadow, team_id, kind, times);
CREATE INDEX enforcement_event_window ON enforcement_event (control_id, kind, window_start_ms);
CREATE INDEX enforcement_event_transaction ON enforcement_event (team_id, transaction_id, at_ms, id);
CREATE UNIQUE INDEX enforcement_event_report ON enforcement_event (team_id, report_id) WHERE report_id IS NOT NULL;

-- Who changed what, when, from what to what. Append-only; secrets are never in it.
CREATE TABLE audit_entry (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  at_ms BIGINT NOT NULL,
  actor_id TEXT COLLATE "C" NOT NULL,
  actor_hint TEXT COLLATE "C",
  actor_label TEXT COLLATE "C",
  action TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  subject_id TEXT COLLATE "C" NOT NULL,
  before_text TEXT COLLATE "C",
  after_text TEXT COLLATE "C"
);
CREATE INDEX audit_entry_time ON audit_entry (team_id, at_ms, id, subject, subject_id);

-- The operators' bypass of a team while it is on.
CREATE TABLE bypass (
  team_id TEXT COLLATE "C" PRIMARY KEY REFERENCES team (id),
  since_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  by_text TEXT COLLATE "C" NOT NULL
);
CREATE INDEX bypass_until ON bypass (until_ms);

-- Where alerts go. Secrets have to be read again to sign, so they are sealed (AES-256-GCM) and not hashed.
CREATE TABLE webhook (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  name TEXT COLLATE "C" NOT NULL,
  url TEXT COLLATE "C" NOT NULL,
  events TEXT COLLATE "C" NOT NULL,
  enabled BIGINT NOT NULL,
  sealed_secret TEXT COLLATE "C" NOT NULL,
  secret_hint TEXT COLLATE "C" NOT NULL,
  previous_secret TEXT COLLATE "C",
  previous_until_ms BIGINT,
  disabled_reason TEXT COLLATE "C",
  failures BIGINT NOT NULL,
  failing_since_ms BIGINT,
  paused_until_ms BIGINT NOT NULL,
  claim TEXT COLLATE "C",
  claimed_until_ms BIGINT NOT NULL,
  dropped BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  deleted_at_ms BIGINT
);
CREATE INDEX webhook_team ON webhook (team_id, deleted_at_ms);

-- What is to be told to a webhook, written in the transaction that caused it; later, what became of it.
CREATE TABLE alert (
  id TEXT COLLATE "C" PRIMARY KEY,
  webhook_id TEXT COLLATE "C" NOT NULL REFERENCES webhook (id),
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  event_id TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'given-up')),
  attempts BIGINT NOT NULL,
  next_at_ms BIGINT NOT NULL,
  last_at_ms BIGINT,
  last_status BIGINT,
  last_error TEXT COLLATE "C",
  created_at_ms BIGINT NOT NULL,
  ended_at_ms BIGINT,
  UNIQUE (webhook_id, event_id)
);
CREATE INDEX alert_waiting ON alert (webhook_id, next_at_ms, id) WHERE state = 'waiting';
CREATE INDEX alert_due ON alert (next_at_ms, webhook_id) WHERE state = 'waiting';
CREATE INDEX alert_log ON alert (webhook_id, id);
CREATE INDEX alert_ended ON alert (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
