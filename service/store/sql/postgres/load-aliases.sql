SELECT email_key, subscriber_id FROM subscriber_alias
WHERE team_id = :teamId AND email_key = ANY (CAST(:emailKey AS TEXT[]));
