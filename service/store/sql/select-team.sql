SELECT id, numeric_id, name, created_at_ms FROM team WHERE id = :id;
