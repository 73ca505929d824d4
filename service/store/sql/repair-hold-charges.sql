UPDATE hold_part SET
  charged = COALESCE((
    SELECT c.amount FROM hold_charge c
    WHERE c.team_id = hold_part.team_id AND c.hold_id = hold_part.hold_id AND c.control_id = hold_part.control_id
      AND c.version = hold_part.charge_version
  ), 0)
WHERE control_id = :controlId AND live = 1 AND state = 'charged';
