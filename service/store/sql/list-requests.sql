SELECT id, key_id, at_ms, request_id, method, route, status, code
FROM request_log
WHERE team_id = :teamId AND at_ms >= :sinceMs AND at_ms < :untilMs
  AND (CAST(:keyId AS TEXT) IS NULL OR key_id = :keyId) AND status >= :statusFrom
ORDER BY at_ms DESC, id DESC
LIMIT :size OFFSET :skip;
