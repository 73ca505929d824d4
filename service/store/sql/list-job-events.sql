SELECT e.id, e.transaction_id, e.kind, e.window_time_ms, e.agent, e.model, e.provider, e.input_tokens, e.output_tokens,
  e.total_tokens, e.failed, e.body, p.price_state, p.amount_nano_usd
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
WHERE e.team_id = :teamId AND e.agentic_job_id = :agenticJobId
ORDER BY e.window_time_ms DESC, e.id DESC
LIMIT :size OFFSET :skip;
