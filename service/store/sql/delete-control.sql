UPDATE cost_control SET deleted_at_ms = :atMs, enabled = 0 WHERE id = :id;
