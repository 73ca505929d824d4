UPDATE webhook SET claimed_until_ms = :untilMs
WHERE id = :id AND claim = :claim AND enabled = 1 AND deleted_at_ms IS NULL
RETURNING id, team_id, url, sealed_secret, previous_secret, previous_until_ms;
