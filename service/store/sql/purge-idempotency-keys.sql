DELETE FROM idempotency_key WHERE claimed_at_ms <= :beforeMs;
