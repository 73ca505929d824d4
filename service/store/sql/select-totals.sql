SELECT b.control_id, b.value, b.unknown_count
FROM cost_control c
JOIN balance b ON b.control_id = c.id AND b.window_start_ms = :windowStartMs AND b.group_key = ''
WHERE c.team_id = :teamId AND c.window_type = :windowType AND c.enabled = 1 AND c.deleted_at_ms IS NULL;
