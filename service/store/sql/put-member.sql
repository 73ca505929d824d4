INSERT INTO department_member (team_id, email_key, department_id) VALUES (:teamId, :emailKey, :departmentId)
ON CONFLICT (team_id, email_key) DO UPDATE SET department_id = excluded.department_id;
