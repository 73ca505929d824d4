SELECT e.team_id, e.transaction_id, e.subscriber_email
FROM unnest(
  CAST(:teamId AS TEXT[]), CAST(:transactionId AS TEXT[])
) AS given (team_id, transaction_id)
JOIN usage_event e ON e.team_id = given.team_id AND e.transaction_id = given.transaction_id;
