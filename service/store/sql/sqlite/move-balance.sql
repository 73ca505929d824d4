INSERT INTO balance (control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced)
VALUES (:controlId, :windowStartMs, :groupKey, :windowEndMs, :value, :unknownCount, 0)
ON CONFLICT (control_id, window_start_ms, group_key) DO UPDATE SET
  value = balance.value + excluded.value, unknown_count = balance.unknown_count + excluded.unknown_count
RETURNING value, unknown_count, announced;
