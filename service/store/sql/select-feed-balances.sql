SELECT control_id, group_key, value, unknown_count FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key = :groupKey;
