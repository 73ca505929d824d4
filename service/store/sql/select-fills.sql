SELECT control_id, after_ms, after_id FROM control_fill WHERE team_id = :teamId;
