UPDATE gateway_key SET revoked_at_ms = :nowMs WHERE id = :id AND revoked_at_ms IS NULL;
