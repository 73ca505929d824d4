-- Money is integer nano-dollars, rates integer pico-dollars a unit, times milliseconds since the epoch.

CREATE TABLE sequence (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sequence (name, value) VALUES ('revision', 0), ('rule', 0), ('team', 0);

CREATE TABLE team (
  id TEXT PRIMARY KEY,
  numeric_id INTEGER NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  controls_version INTEGER NOT NULL,
  prices_version INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  scope TEXT NOT NULL CHECK (scope IN ('metering', 'write')),
  label TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;
CREATE INDEX api_key_team ON api_key (team_id);

-- A deleted control stays as a row: its enforcement events still name it.
CREATE TABLE cost_control (
  id TEXT PRIMARY KEY,
  rule_id INTEGER NOT NULL UNIQUE,
  team_id TEXT NOT NULL REFERENCES team (id),
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  metric_type TEXT NOT NULL,
  window_type TEXT NOT NULL,
  action TEXT NOT NULL,
  group_by TEXT,
  warn_threshold TEXT,
  hard_limit TEXT NOT NULL,
  filters TEXT NOT NULL,
  shadow_mode INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  notification_channel_ids TEXT NOT NULL,
  on_unknown_price TEXT NOT NULL CHECK (on_unknown_price IN ('flag', 'refuse')),
  counted_from_ms INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  deleted_at_ms INTEGER
) STRICT;
CREATE INDEX cost_control_team ON cost_control (team_id, deleted_at_ms);

-- Append-only. The columns beside the body are what controls look at, so that a back-fill parses no JSON.
CREATE TABLE usage_event (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  transaction_id TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  body TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  window_time_ms INTEGER NOT NULL,
  window_flagged INTEGER NOT NULL,
  usage_state TEXT NOT NULL,
  model TEXT NOT NULL,
  requested_model TEXT,
  provider TEXT NOT NULL,
  subscriber_id TEXT,
  subscriber_email TEXT,
  alias_key TEXT,
  organization TEXT,
  product TEXT,
  credential TEXT,
  credential_name TEXT,
  agent TEXT,
  task_type TEXT,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  total_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  UNIQUE (team_id, transaction_id)
) STRICT;
CREATE INDEX usage_event_window ON usage_event (team_id, window_time_ms, id);

-- Append-only. The entry with the highest version is what an event costs.
CREATE TABLE price_entry (
  event_id TEXT NOT NULL REFERENCES usage_event (id),
  version INTEGER NOT NULL,
  amount_nano_usd INTEGER NOT NULL,
  price_state TEXT NOT NULL CHECK (price_state IN ('known', 'free', 'unknown')),
  reason TEXT NOT NULL,
  rate_source TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (event_id, version)
) STRICT, WITHOUT ROWID;

-- The same transaction id with another body: kept and counted, never dropped in silence.
CREATE TABLE event_conflict (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  event_id TEXT NOT NULL REFERENCES usage_event (id),
  transaction_id TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  body TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  times INTEGER NOT NULL,
  UNIQUE (event_id, body_hash)
) STRICT;
CREATE INDEX event_conflict_team ON event_conflict (team_id, id);

-- Derived from the events; can be rebuilt. The row with the empty group is the total of the control.
-- `announced` is the verdict that was last told (0 none, 1 warned, 2 breached); the verdict itself follows from the
-- values.
CREATE TABLE balance (
  control_id TEXT NOT NULL REFERENCES cost_control (id),
  window_start_ms INTEGER NOT NULL,
  group_key TEXT NOT NULL,
  window_end_ms INTEGER NOT NULL,
  value INTEGER NOT NULL,
  unknown_count INTEGER NOT NULL,
  announced INTEGER NOT NULL,
  PRIMARY KEY (control_id, window_start_ms, group_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX balance_announced ON balance (window_end_ms) WHERE announced > 0;

-- Which subscriber an e-mail address (in lower case) stands for: the first id that came with it.
CREATE TABLE subscriber_alias (
  team_id TEXT NOT NULL REFERENCES team (id),
  email_key TEXT NOT NULL,
  subscriber_id TEXT NOT NULL,
  PRIMARY KEY (team_id, email_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX subscriber_alias_group ON subscriber_alias (team_id, subscriber_id);

-- Every spelling under which a subscriber's group was named, where it is not the name of the group itself.
CREATE TABLE subscriber_spelling (
  team_id TEXT NOT NULL REFERENCES team (id),
  group_key TEXT NOT NULL,
  spelling TEXT NOT NULL,
  email_key TEXT NOT NULL,
  PRIMARY KEY (team_id, group_key, spelling)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriber_spelling_email ON subscriber_spelling (team_id, email_key, group_key);

CREATE TABLE enforcement_event (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  control_id TEXT NOT NULL REFERENCES cost_control (id),
  kind TEXT NOT NULL,
  group_value TEXT,
  current_value TEXT NOT NULL,
  threshold TEXT NOT NULL,
  window_start_ms INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  transaction_id TEXT
) STRICT;
CREATE INDEX enforcement_event_team ON enforcement_event (team_id, id);
CREATE INDEX enforcement_event_control ON enforcement_event (control_id, kind, window_start_ms);

CREATE TABLE idempotency_key (
  owner TEXT NOT NULL,
  key TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  claimed_at_ms INTEGER NOT NULL,
  status INTEGER,
  body TEXT,
  PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_key_age ON idempotency_key (claimed_at_ms);

-- A price that was replaced stays, for the entries that name it.
CREATE TABLE price_override (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  provider TEXT,
  model TEXT NOT NULL,
  name_key TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('free', 'rates')),
  input_pico_usd INTEGER,
  output_pico_usd INTEGER,
  cache_read_pico_usd INTEGER,
  cache_write_pico_usd INTEGER,
  request_pico_usd INTEGER,
  created_at_ms INTEGER NOT NULL,
  replaced_at_ms INTEGER
) STRICT;
CREATE INDEX price_override_team ON price_override (team_id, name_key);

-- The window of each type that was current when windows were last turned.
CREATE TABLE window_turn (
  window_type TEXT PRIMARY KEY,
  window_start_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
