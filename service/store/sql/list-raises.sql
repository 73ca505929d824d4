SELECT * FROM control_raise WHERE team_id = :teamId AND control_id = :controlId
ORDER BY created_at_ms DESC, id DESC
LIMIT :size;
