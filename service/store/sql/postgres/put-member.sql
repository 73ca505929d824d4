INSERT INTO department_member (team_id, email_key, department_id)
SELECT * FROM unnest(CAST(:teamId AS TEXT[]), CAST(:emailKey AS TEXT[]), CAST(:departmentId AS BIGINT[]))
ON CONFLICT (team_id, email_key) DO UPDATE SET department_id = excluded.department_id;
