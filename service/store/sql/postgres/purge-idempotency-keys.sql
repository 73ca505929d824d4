-- Leaves alone what a transaction of a team is just renewing.
DELETE FROM idempotency_key WHERE (owner, key) IN (
  SELECT k.owner, k.key FROM idempotency_key k WHERE k.claimed_at_ms <= :beforeMs
  ORDER BY k.owner, k.key FOR UPDATE SKIP LOCKED
);
