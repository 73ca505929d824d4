INSERT INTO price_import (
  id, team_id, name, state, prices_version, entries, created_by, created_at_ms, expires_at_ms, accepted_at_ms
) VALUES (
  :id, :teamId, :name, :state, :pricesVersion, :entries, :createdBy, :createdAtMs, :expiresAtMs, :acceptedAtMs
) ON CONFLICT (id) DO UPDATE SET state = excluded.state, prices_version = excluded.prices_version,
  entries = excluded.entries, accepted_at_ms = excluded.accepted_at_ms;
