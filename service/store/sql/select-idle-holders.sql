SELECT c.team_id, c.name, c.metric_type, c.hard_limit, c.raised, p.control_id, p.group_key, h.owner,
  CAST(SUM(p.amount - p.drawn) AS BIGINT) AS held, MIN(h.taken_at_ms) AS since_ms
FROM hold_part p JOIN hold h ON h.team_id = p.team_id AND h.id = p.hold_id JOIN cost_control c ON c.id = p.control_id
WHERE p.live = 1 AND p.state = 'open' AND p.drawn < p.amount / 10 AND h.taken_at_ms <= :takenBeforeMs
GROUP BY c.team_id, c.name, c.metric_type, c.hard_limit, c.raised, p.control_id, p.group_key, h.owner
ORDER BY p.control_id, p.group_key, h.owner
LIMIT :size;
