SELECT c.team_id, c.metric_type, CAST(SUM(b.overrun) AS BIGINT) AS overrun
FROM balance b JOIN cost_control c ON c.id = b.control_id
WHERE b.overrun > 0 AND (CAST(:teamId AS TEXT) IS NULL OR c.team_id = :teamId)
GROUP BY c.team_id, c.metric_type ORDER BY c.team_id, c.metric_type;
