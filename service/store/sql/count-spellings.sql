SELECT COUNT(*) AS total FROM subscriber_spelling WHERE team_id = :teamId AND group_key = :groupKey;
