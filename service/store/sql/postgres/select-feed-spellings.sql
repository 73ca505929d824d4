SELECT asked.group_key, named.spelling, named.email_key
FROM unnest(CAST(:teamId AS TEXT[]), CAST(:groupKey AS TEXT[]), CAST(:size AS BIGINT[]))
  AS asked (team_id, group_key, size)
CROSS JOIN LATERAL (
  SELECT s.spelling, s.email_key
  FROM subscriber_alias a
  JOIN subscriber_spelling s ON s.team_id = a.team_id AND s.email_key = a.email_key
  WHERE a.team_id = asked.team_id AND a.subscriber_id = asked.group_key
  UNION
  SELECT s.spelling, s.email_key
  FROM subscriber_spelling s
  WHERE s.team_id = asked.team_id AND s.group_key = asked.group_key AND s.email_key = asked.group_key
  ORDER BY spelling
  LIMIT asked.size
) AS named;
