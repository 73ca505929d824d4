INSERT INTO subscriber_alias (team_id, email_key, subscriber_id)
SELECT CAST(:teamId AS TEXT), email_key, subscriber_id
FROM unnest(
  CAST(:emailKey AS TEXT[]), CAST(:subscriberId AS TEXT[])
) AS given (email_key, subscriber_id);
