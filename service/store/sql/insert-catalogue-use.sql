INSERT INTO catalogue_use (
  team_id, provider, model, entry, version, variants, state, reviewed_version, reviewed_at_ms
) VALUES (:teamId, :provider, :model, :entry, :version, :variants, 'same', :version, :nowMs)
ON CONFLICT (team_id, provider, model) DO NOTHING;
