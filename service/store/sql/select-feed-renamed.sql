SELECT control_id, group_key FROM feed_change
WHERE team_id = :teamId AND revision = :revision AND control_id = '' AND group_key NOT IN ('', '*') AND at_ms >= :sinceMs
ORDER BY group_key
LIMIT :size;
