UPDATE control_fill SET held_rules = :heldRules, held_until_ms = :heldUntilMs WHERE control_id = :controlId;
