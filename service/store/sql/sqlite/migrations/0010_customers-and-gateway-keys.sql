-- Who pays for calls through the gateway. A deleted customer stays as a row: its events and bills still name it.
CREATE TABLE customer (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL,
  search_key TEXT NOT NULL,
  active INTEGER NOT NULL,
  budget_control_id TEXT REFERENCES cost_control (id),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  deleted_at_ms INTEGER,
  UNIQUE (team_id, number)
) STRICT;
CREATE UNIQUE INDEX customer_email ON customer (team_id, email_key) WHERE deleted_at_ms IS NULL;

-- What customers call with: never the key itself, only its SHA-256. The one before a rotation works until its time.
CREATE TABLE gateway_key (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES team (id),
  customer_id TEXT NOT NULL REFERENCES customer (id),
  label TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  previous_hash TEXT,
  previous_until_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  revoked_at_ms INTEGER,
  rate_per_second INTEGER,
  concurrency_max INTEGER,
  models TEXT,
  dimensions TEXT NOT NULL
) STRICT;
CREATE INDEX gateway_key_team ON gateway_key (team_id, created_at_ms, id);
CREATE INDEX gateway_key_customer ON gateway_key (customer_id, created_at_ms, id);
CREATE UNIQUE INDEX gateway_key_previous ON gateway_key (previous_hash) WHERE previous_hash IS NOT NULL;
