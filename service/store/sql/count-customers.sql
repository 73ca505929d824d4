SELECT COUNT(*) AS total FROM customer c
WHERE c.team_id = :teamId AND (:includeDeleted = 1 OR c.deleted_at_ms IS NULL)
  AND (CAST(:pattern AS TEXT) IS NULL OR c.search_key LIKE :pattern ESCAPE '!');
