SELECT
  id, team_id, name, url, events, enabled, sealed_secret, secret_hint, previous_secret, previous_until_ms,
  disabled_reason, failures, failing_since_ms, dropped, created_at_ms, updated_at_ms
FROM webhook WHERE team_id = :teamId AND id = :id AND deleted_at_ms IS NULL;
