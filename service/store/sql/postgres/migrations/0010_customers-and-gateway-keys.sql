-- Who pays for calls through the gateway. A deleted customer stays as a row: its events and bills still name it.
CREATE TABLE customer (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  number BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  email TEXT COLLATE "C" NOT NULL,
  email_key TEXT COLLATE "C" NOT NULL,
  search_key TEXT COLLATE "C" NOT NULL,
  active BIGINT NOT NULL,
  budget_control_id TEXT COLLATE "C" REFERENCES cost_control (id),
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  deleted_at_ms BIGINT,
  UNIQUE (team_id, number)
);
CREATE UNIQUE INDEX customer_email ON customer (team_id, email_key) WHERE deleted_at_ms IS NULL;

-- What customers call with: never the key itself, only its SHA-256. The one before a rotation works until its time.
CREATE TABLE gateway_key (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  customer_id TEXT COLLATE "C" NOT NULL REFERENCES customer (id),
  label TEXT COLLATE "C" NOT NULL,
  hash TEXT COLLATE "C" NOT NULL UNIQUE,
  hint TEXT COLLATE "C" NOT NULL,
  previous_hash TEXT COLLATE "C",
  previous_until_ms BIGINT,
  created_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT,
  revoked_at_ms BIGINT,
  rate_per_second BIGINT,
  concurrency_max BIGINT,
  models TEXT COLLATE "C",
  dimensions TEXT COLLATE "C" NOT NULL
);
CREATE INDEX gateway_key_team ON gateway_key (team_id, created_at_ms, id);
CREATE INDEX gateway_key_customer ON gateway_key (customer_id, created_at_ms, id);
CREATE UNIQUE INDEX gateway_key_previous ON gateway_key (previous_hash) WHERE previous_hash IS NOT NULL;

-- As with the keys of the service (migration 0001): every replica hears of what may stop a key, with the commit.
CREATE TRIGGER customer_told AFTER UPDATE OR DELETE ON customer FOR EACH STATEMENT EXECUTE FUNCTION tell_keys();
CREATE TRIGGER gateway_key_told AFTER UPDATE OR DELETE ON gateway_key FOR EACH STATEMENT EXECUTE FUNCTION tell_keys();
