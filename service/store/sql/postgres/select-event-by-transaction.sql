SELECT transaction_id, id, body_hash, received_at_ms FROM usage_event
WHERE team_id = :teamId AND transaction_id = ANY (CAST(:transactionId AS TEXT[]));
