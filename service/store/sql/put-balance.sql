INSERT INTO balance (
  control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced, held, overrun
) VALUES (
  :controlId, :windowStartMs, :groupKey, :windowEndMs, :value, :unknownCount, :announced, :held, :overrun
) ON CONFLICT (control_id, window_start_ms, group_key) DO UPDATE SET
  window_end_ms = excluded.window_end_ms, value = excluded.value, unknown_count = excluded.unknown_count,
  announced = excluded.announced, held = excluded.held, overrun = excluded.overrun;
