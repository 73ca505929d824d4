-- Without figures of the table SQLite would read all parts, ended ones too.
SELECT p.team_id, c.metric_type, CAST(SUM(CASE WHEN p.state = 'open' AND p.amount > p.drawn THEN p.amount - p.drawn ELSE 0 END) AS BIGINT) AS held,
  CAST(SUM(CASE WHEN p.state = 'open' THEN p.drawn ELSE 0 END) AS BIGINT) AS drawn,
  CAST(SUM(p.charged) AS BIGINT) AS charged
FROM hold_part p INDEXED BY hold_part_live JOIN cost_control c ON c.id = p.control_id
WHERE p.live = 1 AND (CAST(:teamId AS TEXT) IS NULL OR p.team_id = :teamId)
GROUP BY p.team_id, c.metric_type
ORDER BY p.team_id, c.metric_type;
