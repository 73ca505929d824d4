INSERT INTO idempotency_key (owner, key, body_hash, claimed_at_ms, status, body)
VALUES (:owner, :key, :bodyHash, :nowMs, :status, :body)
ON CONFLICT (owner, key) DO UPDATE SET body_hash = excluded.body_hash, claimed_at_ms = excluded.claimed_at_ms,
  status = excluded.status, body = excluded.body;
