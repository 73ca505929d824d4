SELECT e.id, e.transaction_id, e.kind, e.received_at_ms, e.window_time_ms, e.window_flagged, e.body,
  p.version, p.price_state, p.amount_nano_usd, p.rate_source
FROM usage_event e
-- An index lookup for each event: joined, the planner reads the entries of everybody where it takes that for cheaper.
CROSS JOIN LATERAL (
  SELECT version, price_state, amount_nano_usd, rate_source FROM price_entry
  WHERE event_id = e.id
  ORDER BY version DESC
  LIMIT 1
) p
WHERE e.team_id = :teamId AND e.subscriber_id = CAST(:subscriberId AS TEXT)
  AND (e.window_time_ms, e.id) > (CAST(:afterMs AS BIGINT), CAST(:afterId AS TEXT))
  AND e.window_time_ms < :untilMs
ORDER BY e.window_time_ms, e.id
LIMIT :size;
