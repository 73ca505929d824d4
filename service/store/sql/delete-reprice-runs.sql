DELETE FROM reprice_run WHERE team_id = :teamId AND finished_at_ms < :beforeMs;
