SELECT a.subscriber_id AS group_key FROM subscriber_spelling s
JOIN subscriber_alias a ON a.team_id = s.team_id AND a.email_key = s.email_key
WHERE s.team_id = :teamId AND s.group_key = :groupKey
UNION
SELECT email_key AS group_key FROM subscriber_spelling WHERE team_id = :teamId AND group_key = :groupKey;
