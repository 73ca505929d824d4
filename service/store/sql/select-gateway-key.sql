SELECT
  id, team_id, customer_id, label, hint, created_at_ms, expires_at_ms, revoked_at_ms, rate_per_second, concurrency_max,
  models, dimensions
FROM gateway_key WHERE team_id = :teamId AND id = :id;
