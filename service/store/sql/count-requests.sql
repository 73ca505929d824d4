SELECT COUNT(*) AS total FROM request_log
WHERE team_id = :teamId AND at_ms >= :sinceMs AND at_ms < :untilMs
  AND (CAST(:keyId AS TEXT) IS NULL OR key_id = :keyId) AND status >= :statusFrom;
