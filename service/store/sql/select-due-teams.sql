SELECT team_id FROM cost_control WHERE enabled = 1 AND deleted_at_ms IS NULL AND window_end_ms <= :nowMs
UNION
SELECT team_id FROM cost_control WHERE enabled = 1 AND deleted_at_ms IS NULL AND window_start_ms > :nowMs
UNION
SELECT c.team_id FROM balance b JOIN cost_control c ON c.id = b.control_id
WHERE b.announced > 0 AND b.window_end_ms <= :nowMs
UNION
SELECT team_id FROM control_raise WHERE ended_at_ms IS NULL AND until_ms <= :nowMs
ORDER BY team_id;
