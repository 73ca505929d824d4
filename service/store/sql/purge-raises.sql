DELETE FROM control_raise WHERE control_id = :controlId AND ended_at_ms < :beforeMs;
