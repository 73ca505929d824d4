SELECT
  affected_by, affected, MAX(label) AS label, MAX(email) AS email, COUNT(*) AS events,
  CAST(SUM(times) AS BIGINT) AS times, MIN(at_ms) AS first_at_ms, MAX(at_ms) AS last_at_ms, COUNT(*) OVER () AS total
FROM (
  SELECT
    CASE WHEN group_value IS NULL OR group_by IS NULL THEN 'SUBSCRIBER' ELSE group_by END AS affected_by,
    COALESCE(group_value, subscriber_email) AS affected, group_label AS label, subscriber_email AS email, times, at_ms
  FROM enforcement_event
  WHERE team_id = :teamId AND at_ms BETWEEN :sinceMs AND :untilMs
    AND (group_value IS NOT NULL OR subscriber_email IS NOT NULL)
    AND (CAST(:affectedPattern AS TEXT) IS NULL OR affected_key LIKE :affectedPattern ESCAPE '!')
    AND (CAST(:level AS TEXT) IS NULL OR level = :level)
    AND (CAST(:isShadow AS BIGINT) IS NULL OR is_shadow = :isShadow)
    AND (CAST(:controlId AS TEXT) IS NULL OR control_id = :controlId)
    AND (CAST(:transactionId AS TEXT) IS NULL OR transaction_id = :transactionId)
    AND (CAST(:groupBy AS TEXT) IS NULL OR (group_by = :groupBy AND group_value = :groupValue))
    AND (CAST(:pattern AS TEXT) IS NULL OR search_key LIKE :pattern ESCAPE '!')
) AS seen
GROUP BY affected_by, affected
ORDER BY events DESC, affected, affected_by LIMIT :size;
