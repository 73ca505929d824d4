INSERT INTO request_count (team_id, key_id, minute_ms, method, route, status, times)
SELECT * FROM unnest(
  CAST(:teamId AS TEXT[]), CAST(:keyId AS TEXT[]), CAST(:minuteMs AS BIGINT[]), CAST(:method AS TEXT[]),
  CAST(:route AS TEXT[]), CAST(:status AS BIGINT[]), CAST(:times AS BIGINT[])
)
ON CONFLICT (team_id, minute_ms, key_id, route, method, status)
DO UPDATE SET times = request_count.times + excluded.times;
