INSERT INTO cost_control (
  id, rule_id, team_id, name, description, metric_type, window_type, window_duration, time_zone, week_start, action,
  group_by, warn_threshold, hard_limit, filters, shadow_mode, enabled, notification_channel_ids, on_unknown_price,
  unknown_price_reaction, assumed_per_million_tokens, assumed_per_request, on_client_leave, enforcement, on_expiry,
  estimate, when_exhausted, assumed_output_tokens, output_limit, clamp_output, downgrade_to, throttle_ms, counted_from_ms,
  window_start_ms, window_end_ms, created_at_ms, updated_at_ms, deleted_at_ms
) VALUES (
  :id, :ruleId, :teamId, :name, :description, :metricType, :windowType, :windowDuration, :timeZone, :weekStart, :action,
  :groupBy, :warnThreshold, :hardLimit, :filters, :shadowMode, :enabled, :notificationChannelIds, :onUnknownPrice,
  :unknownPriceReaction, :assumedPerMillionTokens, :assumedPerRequest, :onClientLeave, :enforcement, :onExpiry,
  :estimate, :whenExhausted, :assumedOutputTokens, :outputLimit, :clampOutput, :downgradeTo, :throttleMs, :countedFromMs,
  0, 0, :createdAtMs, :updatedAtMs, NULL
);
