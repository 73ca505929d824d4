SELECT asked.control_id, asked.group_key, CAST(SUM(b.value) AS BIGINT) AS value,
  CAST(SUM(b.unknown_count) AS BIGINT) AS unknown_count
FROM unnest(
  CAST(:controlId AS TEXT[]), CAST(:groupKey AS TEXT[]), CAST(:fromMs AS BIGINT[]), CAST(:toMs AS BIGINT[])
) AS asked (control_id, group_key, from_ms, to_ms)
JOIN balance b ON b.control_id = asked.control_id AND b.group_key = asked.group_key
  AND b.window_start_ms >= asked.from_ms AND b.window_start_ms <= asked.to_ms
GROUP BY asked.control_id, asked.group_key;
