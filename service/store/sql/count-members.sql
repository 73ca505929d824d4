SELECT COUNT(*) AS total FROM department_member WHERE team_id = :teamId AND department_id = :departmentId;
