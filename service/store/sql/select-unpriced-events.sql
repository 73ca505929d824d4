SELECT e.id, e.transaction_id, e.received_at_ms, e.window_time_ms, e.body, e.kind, e.subscriber_id, e.alias_key,
  e.placements, a.subscriber_id AS alias, p.version, p.amount_nano_usd, p.price_state
FROM unpriced_event u
JOIN usage_event e ON e.id = u.event_id
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
LEFT JOIN subscriber_alias a ON a.team_id = e.team_id
  AND a.email_key = e.alias_key
WHERE u.team_id = :teamId AND (u.window_time_ms, u.event_id) > (CAST(:afterMs AS BIGINT), CAST(:afterId AS TEXT))
  AND u.window_time_ms < :untilMs
ORDER BY u.window_time_ms, u.event_id
LIMIT :size;
