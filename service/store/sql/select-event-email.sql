SELECT team_id, transaction_id, subscriber_email FROM usage_event
WHERE team_id = :teamId AND transaction_id = :transactionId;
