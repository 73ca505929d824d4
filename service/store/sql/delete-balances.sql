DELETE FROM balance WHERE control_id = :controlId;
