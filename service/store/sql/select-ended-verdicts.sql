SELECT b.control_id, b.window_start_ms, b.group_key, b.value, b.announced
FROM balance b WHERE b.announced > 0 AND b.window_end_ms <= :nowMs
ORDER BY b.window_end_ms, b.control_id, b.group_key;
