SELECT id FROM team WHERE EXISTS (SELECT 1 FROM reprice_run r WHERE r.team_id = team.id AND r.finished_at_ms IS NULL)
ORDER BY id;
