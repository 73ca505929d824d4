SELECT
  k.id, k.team_id, k.customer_id, k.label, k.hint, k.created_at_ms, k.expires_at_ms, k.revoked_at_ms, k.rate_per_second,
  k.concurrency_max, k.models, k.dimensions, CASE WHEN k.hash = :hash THEN 1 ELSE 0 END AS is_current,
  k.previous_until_ms
FROM gateway_key k WHERE k.hash = :hash OR k.previous_hash = :hash;
