SELECT m.email_key, m.department_id
FROM unnest(CAST(:teamId AS TEXT[]), CAST(:emailKey AS TEXT[])) AS asked (team_id, email_key)
JOIN department_member m ON m.team_id = asked.team_id AND m.email_key = asked.email_key;
