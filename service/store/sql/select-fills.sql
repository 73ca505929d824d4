SELECT control_id, after_ms, after_id, held_until_ms FROM control_fill WHERE team_id = :teamId ORDER BY control_id;
