INSERT INTO cost_control (
  id, rule_id, team_id, name, description, metric_type, window_type, action, group_by, warn_threshold, hard_limit,
  filters, shadow_mode, enabled, notification_channel_ids, on_unknown_price, counted_from_ms, created_at_ms,
  updated_at_ms, deleted_at_ms
) VALUES (
  :id, :ruleId, :teamId, :name, :description, :metricType, :windowType, :action, :groupBy, :warnThreshold, :hardLimit,
  :filters, :shadowMode, :enabled, :notificationChannelIds, :onUnknownPrice, :countedFromMs, :createdAtMs,
  :updatedAtMs, NULL
);
