SELECT id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call
FROM hold WHERE team_id = :teamId AND id IN (SELECT value FROM json_each(:id));
