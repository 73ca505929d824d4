SELECT c.metric_type, c.hard_limit, c.raised, p.control_id, p.group_key, CAST(SUM(p.amount - p.drawn) AS BIGINT) AS held
FROM hold_part p JOIN cost_control c ON c.id = p.control_id
WHERE p.live = 1 AND p.state = 'open' AND p.amount > p.drawn
GROUP BY c.metric_type, c.hard_limit, c.raised, p.control_id, p.group_key
ORDER BY p.control_id, p.group_key
LIMIT :size;
