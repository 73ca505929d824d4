DELETE FROM hold_charge WHERE team_id = :teamId AND hold_id = ANY (CAST(:id AS TEXT[]));
