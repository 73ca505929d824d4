INSERT INTO price_override (
  id, team_id, provider, model, name_key, kind, input_pico_usd, output_pico_usd, cache_read_pico_usd,
  cache_write_pico_usd, request_pico_usd, created_at_ms, replaced_at_ms
) VALUES (
  :id, :teamId, :provider, :model, :nameKey, :kind, :inputPicoUsd, :outputPicoUsd, :cacheReadPicoUsd,
  :cacheWritePicoUsd, :requestPicoUsd, :createdAtMs, NULL
);
