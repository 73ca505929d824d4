INSERT INTO api_key (id, team_id, scope, label, hash, hint, created_at_ms, revoked_at_ms, rate_per_second)
VALUES (:id, :teamId, :scope, :label, :hash, :hint, :createdAtMs, :revokedAtMs, :ratePerSecond);
