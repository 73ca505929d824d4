UPDATE cost_control SET
  name = :name, description = :description, metric_type = :metricType, window_type = :windowType, action = :action,
  group_by = :groupBy, warn_threshold = :warnThreshold, hard_limit = :hardLimit, filters = :filters,
  shadow_mode = :shadowMode, enabled = :enabled, notification_channel_ids = :notificationChannelIds,
  on_unknown_price = :onUnknownPrice, updated_at_ms = :updatedAtMs
WHERE id = :id;
