SELECT h.id, h.owner, h.state, h.sequence, h.ttl_ms, h.taken_at_ms, h.expires_at_ms, h.ended_at_ms, h.recalled, h.call
FROM hold h
WHERE h.team_id = :teamId AND (CAST(:state AS TEXT) IS NULL OR h.state = :state)
  AND (CAST(:owner AS TEXT) IS NULL OR h.owner = :owner)
  AND (CAST(:controlId AS TEXT) IS NULL OR EXISTS (
    SELECT 1 FROM hold_part p WHERE p.team_id = h.team_id AND p.hold_id = h.id AND p.control_id = :controlId
  ))
ORDER BY h.taken_at_ms DESC, h.id DESC
LIMIT :size OFFSET :offset;
