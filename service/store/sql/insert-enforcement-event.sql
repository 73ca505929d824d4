INSERT INTO enforcement_event (
  id, team_id, control_id, kind, level, outcome, is_shadow, rule_id, rule_name, action, metric_type, group_by,
  group_value, group_label, current_value, threshold, window_start_ms, window_key, at_ms, transaction_id,
  subscriber_email, times, details, search_key, affected_key, report_id
) VALUES (
  :id, :teamId, :controlId, :kind, :level, :outcome, :isShadow, :ruleId, :ruleName, :action, :metricType, :groupBy,
  :groupValue, :groupLabel, :currentValue, :threshold, :windowStartMs, :windowKey, :atMs, :transactionId,
  :subscriberEmail, :times, :details, :searchKey, :affectedKey, :reportId
)
ON CONFLICT DO NOTHING RETURNING id;
