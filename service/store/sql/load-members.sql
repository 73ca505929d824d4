SELECT email_key, department_id FROM department_member WHERE team_id = :teamId AND email_key = :emailKey;
