SELECT id FROM team WHERE EXISTS (SELECT 1 FROM unpriced_event u WHERE u.team_id = team.id) ORDER BY id;
