SELECT window_start_ms, window_end_ms, group_key, value, unknown_count, announced
FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs
  AND (announced > 0 OR value >= :floor OR unknown_count > :unknownFloor)
ORDER BY group_key;
