SELECT DISTINCT b.group_key
FROM cost_control c
JOIN balance b ON b.control_id = c.id AND b.group_key = ANY (CAST(:groupKey AS TEXT[]))
WHERE c.team_id = :teamId AND c.group_by = 'SUBSCRIBER';
