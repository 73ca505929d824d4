SELECT id, team_id, provider, model, kind, rates, service_tier, valid_from_ms, valid_until_ms, withdrawn, declared_by,
  import_id, version, created_at_ms, input_pico_usd, output_pico_usd, cache_read_pico_usd, cache_write_pico_usd,
  request_pico_usd
FROM price_override WHERE team_id = :teamId AND id = :id;
