SELECT window_start_ms, window_end_ms, group_key, value, unknown_count, announced, held, overrun
FROM balance WHERE control_id = :controlId ORDER BY window_start_ms, group_key;
