SELECT id FROM enforcement_event
WHERE control_id = :controlId AND kind = 'unknown-price' AND window_start_ms >= :fromMs AND window_start_ms <= :toMs
LIMIT 1;
