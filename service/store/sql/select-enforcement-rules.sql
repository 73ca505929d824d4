SELECT
  s.control_id, c.rule_id, c.name AS rule_name, s.events, s.times, s.last_at_ms, s.total
FROM (
  SELECT
    control_id, COUNT(*) AS events, CAST(SUM(times) AS BIGINT) AS times, MAX(at_ms) AS last_at_ms,
    COUNT(*) OVER () AS total
  FROM enforcement_event
  WHERE team_id = :teamId AND at_ms BETWEEN :sinceMs AND :untilMs
    AND (CAST(:level AS TEXT) IS NULL OR level = :level)
    AND (CAST(:isShadow AS BIGINT) IS NULL OR is_shadow = :isShadow)
    AND (CAST(:controlId AS TEXT) IS NULL OR control_id = :controlId)
    AND (CAST(:transactionId AS TEXT) IS NULL OR transaction_id = :transactionId)
    AND (CAST(:groupBy AS TEXT) IS NULL OR (group_by = :groupBy AND group_value = :groupValue))
    AND (CAST(:pattern AS TEXT) IS NULL OR search_key LIKE :pattern ESCAPE '!')
  GROUP BY control_id
  ORDER BY events DESC, control_id LIMIT :size
) AS s LEFT JOIN cost_control c ON c.id = s.control_id
ORDER BY s.events DESC, s.control_id;
