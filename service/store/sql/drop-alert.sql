UPDATE webhook SET dropped = dropped + 1
WHERE id = :webhookId AND team_id = :teamId AND enabled = 1 AND deleted_at_ms IS NULL
  AND events LIKE '%,' || CAST(:type AS TEXT) || ',%'
RETURNING dropped;
