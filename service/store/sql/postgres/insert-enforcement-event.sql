INSERT INTO enforcement_event (
  id, team_id, control_id, kind, level, outcome, is_shadow, rule_id, rule_name, action, metric_type, group_by,
  group_value, group_label, current_value, threshold, window_start_ms, window_key, at_ms, transaction_id,
  subscriber_email, times, details, search_key, affected_key, report_id
)
SELECT
  id, team_id, control_id, kind, level, outcome, is_shadow, rule_id, rule_name, action, metric_type, group_by,
  group_value, group_label, current_value, threshold, window_start_ms, window_key, at_ms, transaction_id,
  subscriber_email, times, details, search_key, affected_key, report_id
FROM unnest(
  CAST(:id AS TEXT[]), CAST(:teamId AS TEXT[]), CAST(:controlId AS TEXT[]), CAST(:kind AS TEXT[]),
  CAST(:level AS TEXT[]), CAST(:outcome AS TEXT[]), CAST(:isShadow AS BIGINT[]), CAST(:ruleId AS BIGINT[]),
  CAST(:ruleName AS TEXT[]), CAST(:action AS TEXT[]), CAST(:metricType AS TEXT[]), CAST(:groupBy AS TEXT[]),
  CAST(:groupValue AS TEXT[]), CAST(:groupLabel AS TEXT[]), CAST(:currentValue AS TEXT[]),
  CAST(:threshold AS TEXT[]), CAST(:windowStartMs AS BIGINT[]), CAST(:windowKey AS TEXT[]), CAST(:atMs AS BIGINT[]),
  CAST(:transactionId AS TEXT[]), CAST(:subscriberEmail AS TEXT[]), CAST(:times AS BIGINT[]),
  CAST(:details AS TEXT[]), CAST(:searchKey AS TEXT[]), CAST(:affectedKey AS TEXT[]), CAST(:reportId AS TEXT[])
) AS given (id, team_id, control_id, kind, level, outcome, is_shadow, rule_id, rule_name, action, metric_type,
  group_by, group_value, group_label, current_value, threshold, window_start_ms, window_key, at_ms, transaction_id,
  subscriber_email, times, details, search_key, affected_key, report_id)
ON CONFLICT DO NOTHING RETURNING id;
