SELECT asked.email_key, sharing.group_key
FROM unnest(CAST(:teamId AS TEXT[]), CAST(:emailKey AS TEXT[]), CAST(:size AS BIGINT[]))
  AS asked (team_id, email_key, size)
CROSS JOIN LATERAL (
  SELECT DISTINCT s.group_key FROM subscriber_spelling s
  WHERE s.team_id = asked.team_id AND s.email_key = asked.email_key
  ORDER BY s.group_key
  LIMIT asked.size
) AS sharing;
