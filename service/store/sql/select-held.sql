SELECT control_id, held_rules FROM control_fill
WHERE team_id = :teamId AND held_rules IS NOT NULL AND held_until_ms > :nowMs
ORDER BY control_id;
