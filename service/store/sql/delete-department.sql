DELETE FROM department WHERE team_id = :teamId AND id = :id;
