SELECT revision, control_id, group_key FROM feed_change
WHERE team_id = :teamId
  AND (revision, control_id, group_key) > (CAST(:revision AS BIGINT), CAST(:controlId AS TEXT), CAST(:groupKey AS TEXT))
ORDER BY revision, control_id, group_key
LIMIT :size;
