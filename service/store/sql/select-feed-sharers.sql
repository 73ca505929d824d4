SELECT DISTINCT email_key, group_key FROM subscriber_spelling
WHERE team_id = :teamId AND email_key = :emailKey
ORDER BY group_key
LIMIT :size;
