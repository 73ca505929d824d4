-- The right-hand sides are those of before: the secret that worked until now becomes the previous one.
UPDATE gateway_key SET previous_hash = hash, previous_until_ms = :untilMs, hash = :hash, hint = :hint
WHERE id = :id;
