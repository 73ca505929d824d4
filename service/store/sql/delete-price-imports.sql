DELETE FROM price_import WHERE team_id = :teamId AND state <> 'accepted' AND expires_at_ms < :nowMs;
