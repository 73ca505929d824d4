SELECT p.version, p.amount_nano_usd, p.price_state, p.reason, p.rate_source, p.created_at_ms
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
WHERE e.team_id = :teamId AND e.transaction_id = :transactionId
ORDER BY p.version;
