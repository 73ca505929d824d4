SELECT e.id, e.window_time_ms, e.model, e.requested_model, e.provider, e.subscriber_id, e.subscriber_email, e.alias_key,
  e.organization, e.product, e.credential, e.credential_name, e.agent, e.task_type, e.input_tokens, e.output_tokens,
  e.total_tokens, e.cached_tokens, e.failed, e.image_count, e.video_count, e.audio_count, e.character_count,
  e.credits_nano, e.department_line, e.placements, p.amount_nano_usd, p.price_state, a.subscriber_id AS alias
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
LEFT JOIN subscriber_alias a ON a.team_id = e.team_id
  AND a.email_key = e.alias_key
WHERE e.team_id = :teamId AND (e.window_time_ms, e.id) > (CAST(:afterMs AS BIGINT), :afterId)
ORDER BY e.window_time_ms, e.id
LIMIT :size;
