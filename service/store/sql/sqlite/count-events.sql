SELECT COUNT(*) AS total FROM usage_event
WHERE team_id = :teamId AND (:transactionId IS NULL OR transaction_id = :transactionId);
