SELECT revision FROM feed_horizon WHERE team_id = :teamId;
