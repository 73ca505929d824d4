UPDATE webhook SET
  previous_secret = sealed_secret, previous_until_ms = :untilMs, sealed_secret = :sealed, secret_hint = :hint,
  updated_at_ms = :nowMs
WHERE id = :id;
