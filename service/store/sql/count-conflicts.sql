SELECT COUNT(*) AS total FROM event_conflict WHERE team_id = :teamId;
