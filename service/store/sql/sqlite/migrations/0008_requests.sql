-- Requests that changed something or were refused, one row each: the audit trail of a key.
CREATE TABLE request_log (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  method TEXT NOT NULL,
  route TEXT NOT NULL,
  status INTEGER NOT NULL,
  code TEXT
) STRICT;
CREATE INDEX request_log_team ON request_log (team_id, at_ms, id);
CREATE INDEX request_log_key ON request_log (team_id, key_id, at_ms, id);

-- Every request, counted per minute.
CREATE TABLE request_count (
  team_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  minute_ms INTEGER NOT NULL,
  method TEXT NOT NULL,
  route TEXT NOT NULL,
  status INTEGER NOT NULL,
  times INTEGER NOT NULL,
  PRIMARY KEY (team_id, minute_ms, key_id, route, method, status)
) STRICT, WITHOUT ROWID;

-- Requests a second that a key may send; null: the service's own limit.
ALTER TABLE api_key ADD COLUMN rate_per_second INTEGER;

INSERT INTO sequence (name, value) VALUES ('probe', 0);
