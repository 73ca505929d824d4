SELECT COUNT(*) AS total FROM (SELECT event_id FROM unpriced_event WHERE team_id = :teamId LIMIT :size) counted;
