SELECT id FROM hold
WHERE state = 'open' AND expires_at_ms <= :nowMs AND team_id = :teamId
ORDER BY expires_at_ms, id
LIMIT :size;
