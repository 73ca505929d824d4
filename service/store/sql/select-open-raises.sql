SELECT * FROM control_raise WHERE control_id = :controlId AND ended_at_ms IS NULL ORDER BY until_ms, id;
