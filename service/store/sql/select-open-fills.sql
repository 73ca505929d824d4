SELECT control_id, after_ms, after_id FROM control_fill ORDER BY control_id;
