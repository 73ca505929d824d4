SELECT id, team_id, name, state, prices_version, entries, created_by, created_at_ms, expires_at_ms, accepted_at_ms
FROM price_import WHERE team_id = :teamId ORDER BY created_at_ms DESC, id DESC;
