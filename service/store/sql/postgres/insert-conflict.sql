INSERT INTO event_conflict (id, team_id, event_id, transaction_id, body_hash, body, received_at_ms, times)
SELECT id, CAST(:teamId AS TEXT), event_id, transaction_id, body_hash, body, received_at_ms, times
FROM unnest(
  CAST(:id AS TEXT[]), CAST(:eventId AS TEXT[]), CAST(:transactionId AS TEXT[]), CAST(:bodyHash AS TEXT[]),
  CAST(:body AS TEXT[]), CAST(:receivedAtMs AS BIGINT[]), CAST(:times AS BIGINT[])
) AS given (id, event_id, transaction_id, body_hash, body, received_at_ms, times)
ON CONFLICT (event_id, body_hash) DO UPDATE SET times = event_conflict.times + excluded.times;
