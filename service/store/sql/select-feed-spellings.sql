SELECT a.subscriber_id AS group_key, s.spelling, s.email_key
FROM subscriber_alias a
JOIN subscriber_spelling s ON s.team_id = a.team_id AND s.email_key = a.email_key
WHERE a.team_id = :teamId AND a.subscriber_id = :groupKey
UNION
SELECT group_key, spelling, email_key
FROM subscriber_spelling
WHERE team_id = :teamId AND group_key = :groupKey AND email_key = :groupKey
ORDER BY spelling
LIMIT :size;
