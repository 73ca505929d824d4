SELECT key, body_hash, claimed_at_ms, status, body FROM idempotency_key
WHERE owner = :owner AND key = ANY (CAST(:key AS TEXT[]));
