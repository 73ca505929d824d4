INSERT INTO feed_horizon (team_id, revision) VALUES (:teamId, :revision)
ON CONFLICT (team_id) DO UPDATE SET revision = excluded.revision WHERE feed_horizon.revision < excluded.revision;
