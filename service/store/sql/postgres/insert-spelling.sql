INSERT INTO subscriber_spelling (team_id, group_key, spelling, email_key)
SELECT CAST(:teamId AS TEXT), CAST(:groupKey AS TEXT), CAST(:spelling AS TEXT), CAST(:emailKey AS TEXT)
WHERE (SELECT COUNT(*) FROM subscriber_spelling s WHERE s.team_id = :teamId AND s.group_key = :groupKey)
  < CAST(:spellingsMax AS BIGINT)
ON CONFLICT (team_id, group_key, md5(spelling)) DO NOTHING
RETURNING group_key, spelling;
