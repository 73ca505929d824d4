-- Without figures of the table SQLite would read all holds, ended ones too.
SELECT team_id, COUNT(*) AS open_count, MIN(taken_at_ms) AS oldest_ms FROM hold INDEXED BY hold_expiry
WHERE state = 'open' AND (CAST(:teamId AS TEXT) IS NULL OR team_id = :teamId)
GROUP BY team_id ORDER BY team_id;
