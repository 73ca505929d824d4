SELECT group_key, value, unknown_count FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key > :afterKey
  AND (CAST(:endKey AS TEXT) IS NULL OR group_key <= :endKey)
  AND (value >= :floor OR unknown_count > :unknownFloor)
ORDER BY group_key;
