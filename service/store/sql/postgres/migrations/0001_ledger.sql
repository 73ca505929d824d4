-- Money is integer nano-dollars, rates integer pico-dollars a unit, times milliseconds since the epoch.

-- Numbers that never come twice and never go back, without a row that all teams would wait for. Taken while the team
-- is held, so that those of one team are in the order of its commits.
CREATE SEQUENCE revision_sequence;
CREATE SEQUENCE rule_sequence;
CREATE SEQUENCE team_sequence;

CREATE TABLE team (
  id TEXT COLLATE "C" PRIMARY KEY,
  numeric_id BIGINT NOT NULL UNIQUE,
  name TEXT COLLATE "C" NOT NULL,
  created_at_ms BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  controls_version BIGINT NOT NULL,
  prices_version BIGINT NOT NULL
);

CREATE TABLE api_key (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('metering', 'write')),
  label TEXT COLLATE "C" NOT NULL,
  hash TEXT COLLATE "C" NOT NULL UNIQUE,
  hint TEXT COLLATE "C" NOT NULL,
  created_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT
);
CREATE INDEX api_key_team ON api_key (team_id);

-- Moves with every change of a key, whoever makes it: what replicas remember of keys holds for one version.
CREATE TABLE key_version (
  only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
  version BIGINT NOT NULL
);
INSERT INTO key_version (only_row, version) VALUES (1, 0);

-- Replicas that listen are told by the database itself, with the commit: no writer can forget it.
CREATE FUNCTION tell_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE key_version SET version = version + 1;
  PERFORM pg_notify('fusewire', 'keys');
  RETURN NULL;
END $$;
CREATE TRIGGER api_key_told AFTER UPDATE OR DELETE ON api_key FOR EACH STATEMENT EXECUTE FUNCTION tell_keys();

CREATE FUNCTION tell_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('fusewire', 'team ' || NEW.revision || ' ' || NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER team_told AFTER UPDATE OF revision ON team FOR EACH ROW
  WHEN (OLD.revision IS DISTINCT FROM NEW.revision) EXECUTE FUNCTION tell_revision();

-- Each transaction leaves its token in a row that its replica uses for one transaction at a time: whoever lost the
-- answer to a COMMIT looks here, and waits here for one that is not over yet.
CREATE TABLE commit_mark (
  slot TEXT COLLATE "C" PRIMARY KEY,
  token TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL
) WITH (fillfactor = 50);

-- A deleted control stays as a row: its enforcement events still name it.
CREATE TABLE cost_control (
  id TEXT COLLATE "C" PRIMARY KEY,
  rule_id BIGINT NOT NULL UNIQUE,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  metric_type TEXT COLLATE "C" NOT NULL,
  window_type TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  group_by TEXT COLLATE "C",
  warn_threshold TEXT COLLATE "C",
  hard_limit TEXT COLLATE "C" NOT NULL,
  filters TEXT COLLATE "C" NOT NULL,
  shadow_mode BIGINT NOT NULL,
  enabled BIGINT NOT NULL,
  notification_channel_ids TEXT COLLATE "C" NOT NULL,
  on_unknown_price TEXT COLLATE "C" NOT NULL CHECK (on_unknown_price IN ('flag', 'refuse')),
  counted_from_ms BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  deleted_at_ms BIGINT
);
CREATE INDEX cost_control_team ON cost_control (team_id, deleted_at_ms);

-- Append-only. The columns beside the body are what controls look at, so that a back-fill parses no JSON.
CREATE TABLE usage_event (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  transaction_id TEXT COLLATE "C" NOT NULL,
  body_hash TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  received_at_ms BIGINT NOT NULL,
  window_time_ms BIGINT NOT NULL,
  window_flagged BIGINT NOT NULL,
  usage_state TEXT COLLATE "C" NOT NULL,
  model TEXT COLLATE "C" NOT NULL,
  requested_model TEXT COLLATE "C",
  provider TEXT COLLATE "C" NOT NULL,
  subscriber_id TEXT COLLATE "C",
  subscriber_email TEXT COLLATE "C",
  alias_key TEXT COLLATE "C",
  organization TEXT COLLATE "C",
  product TEXT COLLATE "C",
  credential TEXT COLLATE "C",
  credential_name TEXT COLLATE "C",
  agent TEXT COLLATE "C",
  task_type TEXT COLLATE "C",
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  total_tokens BIGINT NOT NULL,
  cached_tokens BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  UNIQUE (team_id, transaction_id)
);
CREATE INDEX usage_event_window ON usage_event (team_id, window_time_ms, id);

-- Append-only. The entry with the highest version is what an event costs.
CREATE TABLE price_entry (
  event_id TEXT COLLATE "C" NOT NULL REFERENCES usage_event (id),
  version BIGINT NOT NULL,
  amount_nano_usd BIGINT NOT NULL,
  price_state TEXT COLLATE "C" NOT NULL CHECK (price_state IN ('known', 'free', 'unknown')),
  reason TEXT COLLATE "C" NOT NULL,
  rate_source TEXT COLLATE "C" NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (event_id, version)
);

-- The same transaction id with another body: kept and counted, never dropped in silence.
CREATE TABLE event_conflict (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  event_id TEXT COLLATE "C" NOT NULL REFERENCES usage_event (id),
  transaction_id TEXT COLLATE "C" NOT NULL,
  body_hash TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  received_at_ms BIGINT NOT NULL,
  times BIGINT NOT NULL,
  UNIQUE (event_id, body_hash)
);
CREATE INDEX event_conflict_team ON event_conflict (team_id, id);

-- Derived from the events; can be rebuilt. The row with the empty group is the total of the control.
-- `announced` is the verdict that was last told (0 none, 1 warned, 2 breached); the verdict itself follows from the
-- values.
CREATE TABLE balance (
  control_id TEXT COLLATE "C" NOT NULL REFERENCES cost_control (id),
  window_start_ms BIGINT NOT NULL,
  group_key TEXT COLLATE "C" NOT NULL,
  window_end_ms BIGINT NOT NULL,
  value BIGINT NOT NULL,
  unknown_count BIGINT NOT NULL,
  announced BIGINT NOT NULL,
  PRIMARY KEY (control_id, window_start_ms, group_key)
);
CREATE INDEX balance_announced ON balance (window_end_ms) WHERE announced > 0;

-- Which subscriber an e-mail address (in lower case) stands for: the first id that came with it.
CREATE TABLE subscriber_alias (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  email_key TEXT COLLATE "C" NOT NULL,
  subscriber_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (team_id, email_key)
);

CREATE INDEX subscriber_alias_group ON subscriber_alias (team_id, subscriber_id);

-- Every spelling under which a subscriber's group was named, where it is not the name of the group itself.
CREATE TABLE subscriber_spelling (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  group_key TEXT COLLATE "C" NOT NULL,
  spelling TEXT COLLATE "C" NOT NULL,
  email_key TEXT COLLATE "C" NOT NULL
);
-- Two names of 512 characters are longer than an index entry may be, so one of them is in it as its hash.
CREATE UNIQUE INDEX subscriber_spelling_once ON subscriber_spelling (team_id, group_key, md5(spelling));
CREATE INDEX subscriber_spelling_email ON subscriber_spelling (team_id, email_key, md5(group_key));

CREATE TABLE enforcement_event (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  control_id TEXT COLLATE "C" NOT NULL REFERENCES cost_control (id),
  kind TEXT COLLATE "C" NOT NULL,
  group_value TEXT COLLATE "C",
  current_value TEXT COLLATE "C" NOT NULL,
  threshold TEXT COLLATE "C" NOT NULL,
  window_start_ms BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  transaction_id TEXT COLLATE "C"
);
CREATE INDEX enforcement_event_team ON enforcement_event (team_id, id);
CREATE INDEX enforcement_event_control ON enforcement_event (control_id, kind, window_start_ms);

CREATE TABLE idempotency_key (
  owner TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  body_hash TEXT COLLATE "C" NOT NULL,
  claimed_at_ms BIGINT NOT NULL,
  status BIGINT,
  body TEXT COLLATE "C",
  PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (claimed_at_ms);

-- A price that was replaced stays, for the entries that name it.
CREATE TABLE price_override (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  provider TEXT COLLATE "C",
  model TEXT COLLATE "C" NOT NULL,
  name_key TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('free', 'rates')),
  input_pico_usd BIGINT,
  output_pico_usd BIGINT,
  cache_read_pico_usd BIGINT,
  cache_write_pico_usd BIGINT,
  request_pico_usd BIGINT,
  created_at_ms BIGINT NOT NULL,
  replaced_at_ms BIGINT
);
CREATE INDEX price_override_team ON price_override (team_id, name_key);

-- The window of each type that was current when windows were last turned.
CREATE TABLE window_turn (
  window_type TEXT COLLATE "C" PRIMARY KEY,
  window_start_ms BIGINT NOT NULL
);
