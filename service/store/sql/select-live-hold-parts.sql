SELECT p.team_id, p.hold_id, p.control_id, p.group_key, p.window_start_ms, p.window_end_ms, p.amount, p.drawn, p.charged,
  p.state, c.amount AS entry
FROM hold_part p
LEFT JOIN hold_charge c ON c.team_id = p.team_id AND c.hold_id = p.hold_id AND c.control_id = p.control_id
  AND c.version = p.charge_version
WHERE p.control_id = :controlId AND p.live = 1
ORDER BY p.hold_id;
