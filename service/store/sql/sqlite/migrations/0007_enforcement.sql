-- What controls did, with a snapshot of what they were then. The table is made anew, once, because a refusal that an
-- SDK reports may name a rule that this service does not know: `control_id` can be null. Nothing references it.
CREATE TABLE enforcement_record (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  control_id TEXT REFERENCES cost_control (id),
  kind TEXT NOT NULL,
  level TEXT NOT NULL,
  outcome TEXT NOT NULL,
  is_shadow INTEGER NOT NULL,
  rule_id INTEGER,
  rule_name TEXT,
  action TEXT NOT NULL,
  metric_type TEXT,
  group_by TEXT,
  group_value TEXT,
  group_label TEXT,
  current_value TEXT,
  threshold TEXT,
  window_start_ms INTEGER,
  window_key TEXT,
  at_ms INTEGER NOT NULL,
  transaction_id TEXT,
  subscriber_email TEXT,
  times INTEGER NOT NULL,
  details TEXT,
  search_key TEXT NOT NULL,
  affected_key TEXT NOT NULL,
  report_id TEXT
) STRICT;

-- Events from before there were snapshots say what their control is called now.
INSERT INTO enforcement_record (
  id, team_id, control_id, kind, level, outcome, is_shadow, rule_id, rule_name, action, metric_type, group_by,
  group_value, group_label, current_value, threshold, window_start_ms, at_ms, transaction_id, times, search_key,
  affected_key
)
SELECT
  e.id, e.team_id, e.control_id, e.kind,
  CASE WHEN e.kind IN ('warn', 'unknown-price') THEN 'WARN' ELSE 'HARD' END,
  CASE e.kind
    WHEN 'trip' THEN 'BLOCKED' WHEN 'reset' THEN 'RESET' WHEN 'warn' THEN 'WARNED' WHEN 'shadow' THEN 'OBSERVED'
    ELSE 'PRICE_UNKNOWN' END,
  CASE WHEN e.kind = 'shadow' THEN 1 ELSE 0 END,
  c.rule_id, c.name, c.action, c.metric_type, c.group_by, e.group_value, e.group_value, e.current_value, e.threshold,
  e.window_start_ms, e.at_ms, e.transaction_id, 1,
  LOWER(c.name || ' ' || COALESCE(e.group_value, '') || ' ' || COALESCE(e.transaction_id, '')),
  LOWER(COALESCE(e.group_value, ''))
FROM enforcement_event e JOIN cost_control c ON c.id = e.control_id;
DROP TABLE enforcement_event;
ALTER TABLE enforcement_record RENAME TO enforcement_event;

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
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  at_ms INTEGER NOT NULL,
  actor_id TEXT NOT NULL,
  actor_hint TEXT,
  actor_label TEXT,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  before_text TEXT,
  after_text TEXT
) STRICT;
CREATE INDEX audit_entry_time ON audit_entry (team_id, at_ms, id, subject, subject_id);

-- The operators' bypass of a team while it is on.
CREATE TABLE bypass (
  team_id TEXT PRIMARY KEY REFERENCES team (id),
  since_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  by_text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bypass_until ON bypass (until_ms);

-- Where alerts go. Secrets have to be read again to sign, so they are sealed (AES-256-GCM) and not hashed.
CREATE TABLE webhook (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  sealed_secret TEXT NOT NULL,
  secret_hint TEXT NOT NULL,
  previous_secret TEXT,
  previous_until_ms INTEGER,
  disabled_reason TEXT,
  failures INTEGER NOT NULL,
  failing_since_ms INTEGER,
  paused_until_ms INTEGER NOT NULL,
  claim TEXT,
  claimed_until_ms INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  deleted_at_ms INTEGER
) STRICT;
CREATE INDEX webhook_team ON webhook (team_id, deleted_at_ms);

-- What is to be told to a webhook, written in the transaction that caused it; later, what became of it.
CREATE TABLE alert (
  id TEXT PRIMARY KEY,
  webhook_id TEXT NOT NULL REFERENCES webhook (id),
  team_id TEXT NOT NULL REFERENCES team (id),
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given-up')),
  attempts INTEGER NOT NULL,
  next_at_ms INTEGER NOT NULL,
  last_at_ms INTEGER,
  last_status INTEGER,
  last_error TEXT,
  created_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  UNIQUE (webhook_id, event_id)
) STRICT;
CREATE INDEX alert_waiting ON alert (webhook_id, next_at_ms, id) WHERE state = 'waiting';
CREATE INDEX alert_due ON alert (next_at_ms, webhook_id) WHERE state = 'waiting';
CREATE INDEX alert_log ON alert (webhook_id, id);
CREATE INDEX alert_ended ON alert (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
