UPDATE cost_control SET
  name = :name, description = :description, metric_type = :metricType, window_type = :windowType,
  window_duration = :windowDuration, time_zone = :timeZone, week_start = :weekStart, action = :action,
  group_by = :groupBy, warn_threshold = :warnThreshold, hard_limit = :hardLimit, filters = :filters,
  shadow_mode = :shadowMode, enabled = :enabled, notification_channel_ids = :notificationChannelIds,
  on_unknown_price = :onUnknownPrice, unknown_price_reaction = :unknownPriceReaction,
  assumed_per_million_tokens = :assumedPerMillionTokens, assumed_per_request = :assumedPerRequest,
  on_client_leave = :onClientLeave, enforcement = :enforcement, on_expiry = :onExpiry, estimate = :estimate,
  when_exhausted = :whenExhausted, assumed_output_tokens = :assumedOutputTokens, output_limit = :outputLimit,
  clamp_output = :clampOutput, downgrade_to = :downgradeTo, throttle_ms = :throttleMs,
  updated_at_ms = :updatedAtMs
WHERE id = :id;
