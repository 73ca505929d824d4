SELECT held_rules, held_until_ms FROM control_fill WHERE control_id = :controlId;
