UPDATE alert SET
  state = :state, attempts = :attempts, next_at_ms = :nextAtMs, last_at_ms = :nowMs, last_status = :status,
  last_error = :error, ended_at_ms = :endedAtMs
WHERE id = :id;
