SELECT email_key FROM department_member
WHERE team_id = :teamId AND department_id = :departmentId
ORDER BY email_key
LIMIT :size OFFSET :skip;
