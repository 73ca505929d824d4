SELECT e.id, e.transaction_id, e.received_at_ms, e.window_time_ms, e.window_flagged, e.body,
  p.price_state, p.amount_nano_usd, p.rate_source
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
WHERE e.team_id = :teamId AND (CAST(:transactionId AS TEXT) IS NULL OR e.transaction_id = :transactionId)
ORDER BY e.window_time_ms DESC, e.id DESC
LIMIT :size OFFSET :skip;
