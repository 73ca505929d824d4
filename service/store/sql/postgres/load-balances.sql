SELECT b.control_id, b.window_start_ms, b.window_end_ms, b.group_key, b.value, b.unknown_count, b.announced, b.held,
  b.overrun
FROM unnest(
  CAST(:controlId AS TEXT[]), CAST(:windowStartMs AS BIGINT[]), CAST(:groupKey AS TEXT[])
) AS given (control_id, window_start_ms, group_key)
JOIN balance b ON b.control_id = given.control_id AND b.window_start_ms = given.window_start_ms
  AND b.group_key = given.group_key;
