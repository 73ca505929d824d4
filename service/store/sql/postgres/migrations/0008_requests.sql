-- Requests that changed something or were refused, one row each: the audit trail of a key.
CREATE TABLE request_log (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL,
  method TEXT COLLATE "C" NOT NULL,
  route TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL,
  code TEXT COLLATE "C"
);
CREATE INDEX request_log_team ON request_log (team_id, at_ms, id);
CREATE INDEX request_log_key ON request_log (team_id, key_id, at_ms, id);

-- Every request, counted per minute.
CREATE TABLE request_count (
  team_id TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  minute_ms BIGINT NOT NULL,
  method TEXT COLLATE "C" NOT NULL,
  route TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL,
  times BIGINT NOT NULL,
  PRIMARY KEY (team_id, minute_ms, key_id, route, method, status)
);

-- Requests a second that a key may send; null: the service's own limit.
ALTER TABLE api_key ADD COLUMN rate_per_second BIGINT;

CREATE SEQUENCE probe_sequence;
