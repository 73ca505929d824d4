INSERT INTO subscriber_spelling (team_id, group_key, spelling, email_key)
VALUES (:teamId, :groupKey, :spelling, :emailKey)
ON CONFLICT (team_id, group_key, spelling) DO NOTHING
RETURNING spelling;
