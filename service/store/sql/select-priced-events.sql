SELECT e.id, e.transaction_id, e.received_at_ms, e.window_time_ms, e.body, e.kind, e.subscriber_id, e.alias_key,
  e.placements, a.subscriber_id AS alias, p.version, p.amount_nano_usd, p.price_state
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
LEFT JOIN subscriber_alias a ON a.team_id = e.team_id
  AND a.email_key = e.alias_key
WHERE e.team_id = :teamId AND (e.window_time_ms, e.id) > (CAST(:afterMs AS BIGINT), CAST(:afterId AS TEXT))
  AND e.window_time_ms < :untilMs
ORDER BY e.window_time_ms, e.id
LIMIT :size;
