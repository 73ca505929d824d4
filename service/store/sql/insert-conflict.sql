INSERT INTO event_conflict (id, team_id, event_id, transaction_id, body_hash, body, received_at_ms, times)
VALUES (:id, :teamId, :eventId, :transactionId, :bodyHash, :body, :receivedAtMs, :times)
ON CONFLICT (event_id, body_hash) DO UPDATE SET times = event_conflict.times + excluded.times;
