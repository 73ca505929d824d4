SELECT COUNT(*) AS total FROM reprice_run WHERE team_id = :teamId;
