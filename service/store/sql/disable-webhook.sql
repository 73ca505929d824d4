UPDATE webhook SET enabled = 0, disabled_reason = :reason, updated_at_ms = :nowMs WHERE id = :id;
