UPDATE webhook SET deleted_at_ms = :nowMs, enabled = 0, sealed_secret = '', previous_secret = NULL WHERE id = :id;
