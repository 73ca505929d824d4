SELECT * FROM cost_control WHERE team_id = :teamId AND id = :id AND deleted_at_ms IS NULL;
