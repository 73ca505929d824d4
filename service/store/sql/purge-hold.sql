DELETE FROM hold WHERE team_id = :teamId AND id = :id;
