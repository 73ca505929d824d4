SELECT window_start_ms, window_end_ms, value, unknown_count, announced, held, overrun
FROM balance WHERE control_id = :controlId AND group_key = :groupKey
ORDER BY window_start_ms;
