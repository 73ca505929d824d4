SELECT COUNT(*) AS total FROM enforcement_event
WHERE team_id = :teamId AND transaction_id = :transactionId AND at_ms BETWEEN :sinceMs AND :untilMs
  AND (CAST(:controlId AS TEXT) IS NULL OR control_id = :controlId)
  AND (CAST(:level AS TEXT) IS NULL OR level = :level)
  AND (CAST(:isShadow AS BIGINT) IS NULL OR is_shadow = :isShadow)
  AND (CAST(:groupBy AS TEXT) IS NULL OR (group_by = :groupBy AND group_value = :groupValue))
  AND (CAST(:pattern AS TEXT) IS NULL OR search_key LIKE :pattern ESCAPE '!');
