INSERT INTO idempotency_key (owner, key, body_hash, claimed_at_ms, status, body)
SELECT CAST(:owner AS TEXT), key, body_hash, CAST(:nowMs AS BIGINT), status, body
FROM unnest(
  CAST(:key AS TEXT[]), CAST(:bodyHash AS TEXT[]), CAST(:status AS BIGINT[]), CAST(:body AS TEXT[])
) AS given (key, body_hash, status, body)
ON CONFLICT (owner, key) DO UPDATE SET body_hash = excluded.body_hash, claimed_at_ms = excluded.claimed_at_ms,
  status = excluded.status, body = excluded.body;
