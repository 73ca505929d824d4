SELECT * FROM control_raise WHERE team_id = :teamId AND id = :id;
