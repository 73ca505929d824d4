INSERT INTO feed_change (team_id, revision, control_id, group_key, at_ms)
VALUES (:teamId, :revision, :controlId, :groupKey, :atMs)
ON CONFLICT (team_id, revision, control_id, group_key) DO NOTHING;
