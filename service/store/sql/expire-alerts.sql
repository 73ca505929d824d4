UPDATE alert SET state = 'given-up', last_error = COALESCE(last_error, 'too old'), ended_at_ms = :nowMs
WHERE id IN (SELECT id FROM alert WHERE state = 'waiting' AND created_at_ms < :beforeMs LIMIT :size);
