DELETE FROM balance
WHERE control_id = :controlId AND window_start_ms = -1 AND group_key IN (
  SELECT h.group_key FROM balance h
  WHERE h.control_id = :controlId AND h.window_start_ms = -1 AND h.announced = 0 AND h.held = 0 AND h.group_key <> ''
    AND NOT EXISTS (
      SELECT 1 FROM balance b
      WHERE b.control_id = h.control_id AND b.group_key = h.group_key AND b.window_start_ms >= 0
    )
  LIMIT :size
);
