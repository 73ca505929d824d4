SELECT group_key, value, unknown_count, announced FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key <> ''
  AND (value >= :floor OR unknown_count > :unknownFloor)
ORDER BY CASE WHEN value >= :limit OR unknown_count > :unknownFloor THEN 0 ELSE 1 END, value DESC, group_key
LIMIT :size;
