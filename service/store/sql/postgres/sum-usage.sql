SELECT CASE WHEN CAST(:byDay AS BIGINT) = 1 THEN (e.window_time_ms - CAST(:originMs AS BIGINT)) / 86400000 END AS day,
  CASE WHEN CAST(:byModel AS BIGINT) = 1 THEN e.model END AS model,
  CASE WHEN CAST(:byModel AS BIGINT) = 1 THEN e.provider END AS provider,
  CASE WHEN CAST(:byKey AS BIGINT) = 1 THEN e.credential_name END AS key_id,
  CASE WHEN CAST(:byOperation AS BIGINT) = 1 THEN COALESCE(CAST(e.body AS JSON) ->> 'operationType', e.kind) END AS operation,
  COUNT(*) AS requests,
  SUM(e.failed) AS failed,
  SUM(e.input_tokens) AS input_tokens,
  SUM(e.output_tokens) AS output_tokens,
  SUM(e.cached_tokens) AS cached_tokens,
  SUM(p.amount_nano_usd) AS amount_nano_usd,
  SUM(CASE WHEN p.price_state = 'unknown' THEN 1 ELSE 0 END) AS unknown_prices,
  SUM(CASE WHEN e.usage_state = 'estimated' THEN 1 ELSE 0 END) AS estimated,
  SUM(CASE WHEN e.usage_state = 'unknown' THEN 1 ELSE 0 END) AS unknown_usage
FROM usage_event e
-- An index lookup for each event: joined, the planner reads the entries of everybody where it takes that for cheaper.
CROSS JOIN LATERAL (
  SELECT price_state, amount_nano_usd FROM price_entry
  WHERE event_id = e.id
  ORDER BY version DESC
  LIMIT 1
) p
WHERE e.team_id = :teamId AND e.subscriber_id = CAST(:subscriberId AS TEXT)
  AND (e.window_time_ms, e.id) > (CAST(:afterMs AS BIGINT), CAST(:afterId AS TEXT))
  AND (e.window_time_ms, e.id) <= (CAST(:lastMs AS BIGINT), CAST(:lastId AS TEXT))
GROUP BY 1, 2, 3, 4, 5;
