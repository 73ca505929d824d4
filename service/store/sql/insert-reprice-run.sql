INSERT INTO reprice_run (
  id, team_id, scope, reason, asked_by, from_ms, until_ms, after_ms, after_id, examined, repriced, unknown,
  moved_nano_usd, created_at_ms
) VALUES (:id, :teamId, :scope, :reason, :askedBy, :fromMs, :untilMs, :fromMs, '', 0, 0, 0, 0, :createdAtMs);
