SELECT event_id FROM unpriced_event WHERE team_id = :teamId LIMIT 1;
