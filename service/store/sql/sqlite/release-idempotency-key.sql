DELETE FROM idempotency_key WHERE owner = :owner AND key = :key AND status IS NULL;
