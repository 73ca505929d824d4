SELECT group_key, value, unknown_count FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key <> ''
  AND (value >= :floor OR unknown_count > :unknownFloor)
ORDER BY (value >= :limit OR unknown_count > :unknownFloor) DESC, value DESC, group_key
LIMIT :size;
