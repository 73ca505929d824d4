UPDATE price_override SET replaced_at_ms = :atMs
WHERE team_id = :teamId AND name_key = :nameKey AND replaced_at_ms IS NULL;
