INSERT INTO feed_change (team_id, revision, control_id, group_key, at_ms)
SELECT * FROM unnest(
  CAST(:teamId AS TEXT[]), CAST(:revision AS BIGINT[]), CAST(:controlId AS TEXT[]), CAST(:groupKey AS TEXT[]),
  CAST(:atMs AS BIGINT[])
)
ON CONFLICT (team_id, revision, control_id, group_key) DO NOTHING;
