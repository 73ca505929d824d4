UPDATE webhook SET failures = 0, failing_since_ms = NULL, paused_until_ms = 0 WHERE id = :id;
