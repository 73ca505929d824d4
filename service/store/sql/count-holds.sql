SELECT COUNT(*) AS total FROM hold h
WHERE h.team_id = :teamId AND (CAST(:state AS TEXT) IS NULL OR h.state = :state)
  AND (CAST(:owner AS TEXT) IS NULL OR h.owner = :owner)
  AND (CAST(:controlId AS TEXT) IS NULL OR EXISTS (
    SELECT 1 FROM hold_part p WHERE p.team_id = h.team_id AND p.hold_id = h.id AND p.control_id = :controlId
  ));
