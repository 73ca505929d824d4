INSERT INTO subscriber_spelling (team_id, group_key, spelling, email_key)
SELECT :teamId, :groupKey, :spelling, :emailKey
WHERE (SELECT COUNT(*) FROM subscriber_spelling WHERE team_id = :teamId AND group_key = :groupKey) < :spellingsMax
ON CONFLICT (team_id, group_key, spelling) DO NOTHING
RETURNING group_key, spelling;
