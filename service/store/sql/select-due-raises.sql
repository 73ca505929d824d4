SELECT * FROM control_raise
WHERE team_id = :teamId AND ended_at_ms IS NULL AND until_ms <= :nowMs
ORDER BY until_ms, id;
