SELECT id, team_id, scope, reason, asked_by, from_ms, until_ms, after_ms, after_id, examined, repriced, unknown,
  moved_nano_usd, created_at_ms, finished_at_ms
FROM reprice_run WHERE team_id = :teamId AND finished_at_ms IS NULL ORDER BY created_at_ms, id;
