SELECT (
  SELECT CAST(COALESCE(SUM(p.charged), 0) AS BIGINT) FROM hold_part p
  WHERE p.control_id = :controlId AND p.live = 1 AND p.group_key = :groupKey
    AND p.window_start_ms >= :fromMs AND p.window_start_ms <= :toMs
) AS charged, (
  SELECT CAST(COALESCE(SUM(b.overrun), 0) AS BIGINT) FROM balance b
  WHERE b.control_id = :controlId AND b.group_key = :groupKey
    AND b.window_start_ms >= :fromMs AND b.window_start_ms <= :toMs
) AS overrun;
