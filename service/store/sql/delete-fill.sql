DELETE FROM control_fill WHERE control_id = :controlId;
