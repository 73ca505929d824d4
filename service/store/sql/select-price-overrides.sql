SELECT id, team_id, provider, model, kind, input_pico_usd, output_pico_usd, cache_read_pico_usd,
  cache_write_pico_usd, request_pico_usd, created_at_ms
FROM price_override WHERE team_id = :teamId AND replaced_at_ms IS NULL ORDER BY created_at_ms, id;
