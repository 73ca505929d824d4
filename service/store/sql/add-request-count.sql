INSERT INTO request_count (team_id, key_id, minute_ms, method, route, status, times)
VALUES (:teamId, :keyId, :minuteMs, :method, :route, :status, :times)
ON CONFLICT (team_id, minute_ms, key_id, route, method, status)
DO UPDATE SET times = request_count.times + excluded.times;
