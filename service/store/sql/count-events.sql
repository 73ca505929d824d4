SELECT COUNT(*) AS total FROM usage_event
WHERE team_id = :teamId AND (CAST(:transactionId AS TEXT) IS NULL OR transaction_id = :transactionId);
