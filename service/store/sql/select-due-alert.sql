SELECT id, body FROM alert
WHERE webhook_id = :webhookId AND state = 'waiting' AND next_at_ms <= :nowMs
ORDER BY next_at_ms, id LIMIT 1;
