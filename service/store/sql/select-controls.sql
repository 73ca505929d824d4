SELECT * FROM cost_control WHERE team_id = :teamId AND deleted_at_ms IS NULL ORDER BY rule_id;
