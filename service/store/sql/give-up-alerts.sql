UPDATE alert SET state = 'given-up', last_error = :reason, ended_at_ms = :nowMs
WHERE webhook_id = :webhookId AND state = 'waiting';
