UPDATE hold_part SET state = 'withdrawn', live = 0
WHERE control_id = :controlId AND live = 1 AND (state = 'open' OR :charges = 1);
