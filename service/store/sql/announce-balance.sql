UPDATE balance SET announced = :announced
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key = :groupKey;
