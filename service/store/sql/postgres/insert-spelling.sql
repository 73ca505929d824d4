-- As many as there is room for: the count of a group is that of before, and its new ones are numbered.
INSERT INTO subscriber_spelling (team_id, group_key, spelling, email_key)
SELECT CAST(:teamId AS TEXT), n.group_key, n.spelling, n.email_key
FROM (
  SELECT given.group_key, given.spelling, given.email_key,
    ROW_NUMBER() OVER (PARTITION BY given.group_key ORDER BY given.spelling) AS place
  FROM unnest(
    CAST(:groupKey AS TEXT[]), CAST(:spelling AS TEXT[]), CAST(:emailKey AS TEXT[])
  ) AS given (group_key, spelling, email_key)
) n
WHERE n.place + (
  SELECT COUNT(*) FROM subscriber_spelling s WHERE s.team_id = :teamId AND s.group_key = n.group_key
) <= CAST(:spellingsMax AS BIGINT)
ON CONFLICT (team_id, group_key, md5(spelling)) DO NOTHING
RETURNING group_key, spelling;
