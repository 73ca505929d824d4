SELECT COUNT(*) AS total FROM enforcement_event WHERE team_id = :teamId;
