SELECT e.id, e.transaction_id, e.kind, e.received_at_ms, e.window_time_ms, e.window_flagged, e.body,
  p.price_state, p.amount_nano_usd, p.rate_source
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
WHERE e.team_id = :teamId AND e.kind <> 'completion' AND e.kind = CAST(:kind AS TEXT)
  AND e.window_time_ms >= :fromMs AND e.window_time_ms <= :toMs
  AND (CAST(:kind AS TEXT) IS NULL OR e.kind = :kind)
  AND (CAST(:model AS TEXT) IS NULL OR e.model = :model OR e.requested_model = :model)
  AND (CAST(:subscriber AS TEXT) IS NULL OR e.subscriber_id = :subscriber
    OR LOWER(e.subscriber_email) = LOWER(:subscriber))
ORDER BY e.window_time_ms DESC, e.id DESC
LIMIT :size OFFSET :skip;
