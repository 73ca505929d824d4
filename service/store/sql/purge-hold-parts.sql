DELETE FROM hold_part WHERE team_id = :teamId AND hold_id = :id;
