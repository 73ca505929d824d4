SELECT a.subscriber_id AS group_key
FROM unnest(CAST(:teamId AS TEXT[]), CAST(:groupKey AS TEXT[])) AS asked (team_id, group_key)
JOIN subscriber_spelling s ON s.team_id = asked.team_id AND s.group_key = asked.group_key
JOIN subscriber_alias a ON a.team_id = s.team_id AND a.email_key = s.email_key
UNION
SELECT s.email_key AS group_key
FROM unnest(CAST(:teamId AS TEXT[]), CAST(:groupKey AS TEXT[])) AS asked (team_id, group_key)
JOIN subscriber_spelling s ON s.team_id = asked.team_id AND s.group_key = asked.group_key;
