INSERT INTO balance (
  control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced, held, overrun
)
SELECT control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced, held, overrun
FROM unnest(
  CAST(:controlId AS TEXT[]), CAST(:windowStartMs AS BIGINT[]), CAST(:groupKey AS TEXT[]),
  CAST(:windowEndMs AS BIGINT[]), CAST(:value AS BIGINT[]), CAST(:unknownCount AS BIGINT[]),
  CAST(:announced AS BIGINT[]), CAST(:held AS BIGINT[]), CAST(:overrun AS BIGINT[])
) AS given (control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced, held, overrun)
ON CONFLICT (control_id, window_start_ms, group_key) DO UPDATE SET
  window_end_ms = excluded.window_end_ms, value = excluded.value, unknown_count = excluded.unknown_count,
  announced = excluded.announced, held = excluded.held, overrun = excluded.overrun;
