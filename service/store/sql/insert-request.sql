INSERT INTO request_log (id, team_id, key_id, at_ms, request_id, method, route, status, code)
VALUES (:id, :teamId, :keyId, :atMs, :requestId, :method, :route, :status, :code);
