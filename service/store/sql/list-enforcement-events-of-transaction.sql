SELECT
  e.id, e.control_id, e.kind, e.level, e.outcome, e.is_shadow, e.rule_id, e.rule_name, e.action, e.metric_type,
  e.group_by, e.group_value, e.group_label, e.current_value, e.threshold, e.window_start_ms, e.window_key, e.at_ms,
  e.transaction_id, e.subscriber_email, e.times, e.details,
  CASE WHEN c.id IS NULL OR c.deleted_at_ms IS NOT NULL THEN 1 ELSE 0 END AS rule_deleted
FROM enforcement_event e LEFT JOIN cost_control c ON c.id = e.control_id
WHERE e.id IN (
  SELECT id FROM enforcement_event
  WHERE team_id = :teamId AND transaction_id = :transactionId AND at_ms BETWEEN :sinceMs AND :untilMs
    AND (CAST(:controlId AS TEXT) IS NULL OR control_id = :controlId)
    AND (CAST(:level AS TEXT) IS NULL OR level = :level)
    AND (CAST(:isShadow AS BIGINT) IS NULL OR is_shadow = :isShadow)
    AND (CAST(:groupBy AS TEXT) IS NULL OR (group_by = :groupBy AND group_value = :groupValue))
    AND (CAST(:pattern AS TEXT) IS NULL OR search_key LIKE :pattern ESCAPE '!')
  ORDER BY at_ms DESC, id DESC LIMIT :size OFFSET :skip
)
ORDER BY e.at_ms DESC, e.id DESC;
