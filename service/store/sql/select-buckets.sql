SELECT window_start_ms, value, unknown_count FROM balance
WHERE control_id = :controlId AND group_key = :groupKey AND window_start_ms >= :fromMs AND window_start_ms <= :toMs
ORDER BY window_start_ms;
