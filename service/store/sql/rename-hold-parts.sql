UPDATE hold_part SET group_key = :into
WHERE control_id = :controlId AND group_key = :groupKey AND live = 1;
