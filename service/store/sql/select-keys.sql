SELECT id, team_id, scope, label, hash, hint, created_at_ms, revoked_at_ms, rate_per_second
FROM api_key WHERE team_id = :teamId ORDER BY id;
