SELECT since_ms, until_ms, reason, by_text FROM bypass WHERE team_id = :teamId;
