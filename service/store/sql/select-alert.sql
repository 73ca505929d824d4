SELECT id, state, attempts, created_at_ms FROM alert WHERE id = :id;
