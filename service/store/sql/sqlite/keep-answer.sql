UPDATE idempotency_key SET status = :status, body = :body WHERE owner = :owner AND key = :key;
