SELECT email_key FROM subscriber_alias WHERE team_id = :teamId AND subscriber_id = :subscriberId
ORDER BY email_key LIMIT 1;
