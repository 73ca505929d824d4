DELETE FROM hold WHERE team_id = :teamId AND id = ANY (CAST(:id AS TEXT[]));
