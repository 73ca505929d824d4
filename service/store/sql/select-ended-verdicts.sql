SELECT b.control_id, b.window_start_ms, b.group_key, b.value, b.unknown_count, b.announced
FROM balance b JOIN cost_control c ON c.id = b.control_id
WHERE b.announced > 0 AND b.window_end_ms <= :nowMs AND c.team_id = :teamId
ORDER BY b.window_end_ms, b.control_id, b.group_key
LIMIT :size;
