SELECT key_id, method, route, status, CAST(SUM(times) AS BIGINT) AS times
FROM request_count
WHERE team_id = :teamId AND minute_ms >= :sinceMs AND minute_ms < :untilMs
  AND (CAST(:keyId AS TEXT) IS NULL OR key_id = :keyId)
GROUP BY key_id, method, route, status
ORDER BY key_id, route, method, status
LIMIT :size;
