SELECT control_id, group_key, CAST(SUM(value) AS BIGINT) AS value, CAST(SUM(unknown_count) AS BIGINT) AS unknown_count
FROM balance
WHERE control_id = :controlId AND group_key = :groupKey AND window_start_ms >= :fromMs AND window_start_ms <= :toMs
GROUP BY control_id, group_key;
