SELECT COUNT(*) AS transactions, CAST(COALESCE(SUM(e.input_tokens), 0) AS BIGINT) AS input_tokens,
  CAST(COALESCE(SUM(e.output_tokens), 0) AS BIGINT) AS output_tokens,
  CAST(COALESCE(SUM(e.total_tokens), 0) AS BIGINT) AS total_tokens,
  CAST(COALESCE(SUM(p.amount_nano_usd / 1000000000), 0) AS BIGINT) AS amount_usd,
  CAST(COALESCE(SUM(p.amount_nano_usd % 1000000000), 0) AS BIGINT) AS amount_nano_usd,
  CAST(COALESCE(SUM(CASE WHEN p.price_state = 'unknown' THEN 1 ELSE 0 END), 0) AS BIGINT) AS unknown_prices
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
WHERE e.team_id = :teamId AND e.agentic_job_id = :agenticJobId;
