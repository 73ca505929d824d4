SELECT COUNT(*) AS total FROM gateway_key
WHERE team_id = :teamId AND (CAST(:customerId AS TEXT) IS NULL OR customer_id = :customerId);
