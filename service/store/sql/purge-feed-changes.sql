DELETE FROM feed_change
WHERE (team_id, revision, control_id, group_key) IN (
  SELECT team_id, revision, control_id, group_key FROM feed_change WHERE at_ms <= :beforeMs ORDER BY at_ms LIMIT :size
)
RETURNING team_id, revision;
