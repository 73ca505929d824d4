SELECT s.spelling, s.email_key, a.subscriber_id
FROM subscriber_spelling s
LEFT JOIN subscriber_alias a ON a.team_id = s.team_id AND a.email_key = s.email_key
WHERE s.team_id = :teamId AND s.group_key = :groupKey
ORDER BY s.spelling;
