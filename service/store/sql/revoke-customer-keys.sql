UPDATE gateway_key SET revoked_at_ms = :nowMs WHERE customer_id = :customerId AND revoked_at_ms IS NULL
RETURNING id;
