UPDATE price_override SET replaced_at_ms = :atMs
WHERE team_id = :teamId AND name_key = :nameKey AND replaced_at_ms IS NULL AND valid_from_ms = :fromMs
  AND (CAST(:untilMs AS BIGINT) IS NULL OR valid_until_ms <= :untilMs);
