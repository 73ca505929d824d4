SELECT COUNT(*) AS total,
  CAST(COALESCE(SUM(CASE WHEN value >= :limit OR unknown_count > :unknownFloor THEN 1 ELSE 0 END), 0) AS BIGINT)
    AS blocked,
  CAST(COALESCE(SUM(CASE WHEN value >= :limit OR unknown_count > :unknownFloor THEN 0
    WHEN value >= :warn THEN 1 ELSE 0 END), 0) AS BIGINT) AS warned
FROM balance
WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key > :afterKey
  AND (CAST(:endKey AS TEXT) IS NULL OR group_key <= :endKey);
