-- Without figures of the table SQLite would read all holds of the team instead.
SELECT id FROM hold INDEXED BY hold_expiry
WHERE state = 'open' AND expires_at_ms <= :nowMs AND team_id = :teamId
ORDER BY expires_at_ms, id
LIMIT :size;
