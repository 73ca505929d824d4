UPDATE customer SET deleted_at_ms = :nowMs, updated_at_ms = :nowMs, active = 0 WHERE id = :id;
