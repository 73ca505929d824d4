INSERT INTO gateway_key (
  id, team_id, customer_id, label, hash, hint, created_at_ms, expires_at_ms, rate_per_second, concurrency_max, models,
  dimensions
) VALUES (
  :id, :teamId, :customerId, :label, :hash, :hint, :nowMs, :expiresAtMs, :ratePerSecond, :concurrencyMax, :models,
  :dimensions
);
