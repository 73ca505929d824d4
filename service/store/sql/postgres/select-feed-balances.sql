SELECT b.control_id, b.group_key, b.value, b.unknown_count
FROM unnest(CAST(:controlId AS TEXT[]), CAST(:windowStartMs AS BIGINT[]), CAST(:groupKey AS TEXT[]))
  AS asked (control_id, window_start_ms, group_key)
JOIN balance b ON b.control_id = asked.control_id AND b.window_start_ms = asked.window_start_ms
  AND b.group_key = asked.group_key;
