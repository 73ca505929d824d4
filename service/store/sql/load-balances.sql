SELECT control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced, held, overrun FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key = :groupKey;
