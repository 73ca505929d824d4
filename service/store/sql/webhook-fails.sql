UPDATE webhook SET failures = :failures, failing_since_ms = :sinceMs, paused_until_ms = :pausedUntilMs WHERE id = :id;
