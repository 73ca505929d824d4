INSERT INTO webhook (
  id, team_id, name, url, events, enabled, sealed_secret, secret_hint, failures, paused_until_ms, claimed_until_ms,
  dropped, created_at_ms, updated_at_ms
) VALUES (:id, :teamId, :name, :url, :events, :enabled, :sealed, :hint, 0, 0, 0, 0, :nowMs, :nowMs);
