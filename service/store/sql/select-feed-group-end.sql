SELECT group_key FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key > :afterKey
ORDER BY group_key
LIMIT 1 OFFSET :skip;
