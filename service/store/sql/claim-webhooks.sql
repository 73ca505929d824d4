UPDATE webhook SET claim = :claim, claimed_until_ms = :untilMs
WHERE id IN (
  SELECT w.id FROM webhook w
  WHERE w.enabled = 1 AND w.deleted_at_ms IS NULL AND w.claimed_until_ms <= :nowMs AND w.paused_until_ms <= :nowMs
    AND w.id IN (SELECT a.webhook_id FROM alert a WHERE a.state = 'waiting' AND a.next_at_ms <= :nowMs)
  ORDER BY w.claimed_until_ms, w.id LIMIT :size
)
RETURNING id, team_id, url, sealed_secret, previous_secret, previous_until_ms;
