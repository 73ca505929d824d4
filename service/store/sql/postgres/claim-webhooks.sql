WITH due AS MATERIALIZED (
  SELECT w.id FROM webhook w
  WHERE w.enabled = 1 AND w.deleted_at_ms IS NULL AND w.claimed_until_ms <= :nowMs AND w.paused_until_ms <= :nowMs
    AND w.id IN (SELECT a.webhook_id FROM alert a WHERE a.state = 'waiting' AND a.next_at_ms <= :nowMs)
  ORDER BY w.claimed_until_ms, w.id LIMIT :size
  FOR UPDATE SKIP LOCKED
)
UPDATE webhook SET claim = :claim, claimed_until_ms = :untilMs FROM due WHERE webhook.id = due.id
RETURNING webhook.id, webhook.team_id, webhook.url, webhook.sealed_secret, webhook.previous_secret,
  webhook.previous_until_ms;
