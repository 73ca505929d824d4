DELETE FROM bypass WHERE team_id = :teamId AND until_ms = :untilMs RETURNING team_id;
