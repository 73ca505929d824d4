DELETE FROM price_import WHERE team_id = :teamId AND state = 'accepted'
  AND id NOT IN (SELECT id FROM price_import WHERE team_id = :teamId ORDER BY created_at_ms DESC, id DESC LIMIT :size);
