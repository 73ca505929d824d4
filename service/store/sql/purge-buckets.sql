DELETE FROM balance
WHERE control_id = :controlId AND (window_start_ms, group_key) IN (
  SELECT window_start_ms, group_key FROM balance
  WHERE control_id = :controlId AND window_start_ms >= 0 AND window_start_ms < :beforeMs
  ORDER BY window_start_ms, group_key
  LIMIT :size
)
RETURNING window_start_ms;
