INSERT INTO catalogue_use (
  team_id, provider, model, entry, version, variants, state, reviewed_version, reviewed_at_ms
)
SELECT CAST(:teamId AS TEXT), CAST(:provider AS TEXT), CAST(:model AS TEXT), CAST(:entry AS TEXT),
  CAST(:version AS TEXT), CAST(:variants AS TEXT), 'same', CAST(:version AS TEXT), CAST(:nowMs AS BIGINT)
WHERE (SELECT COUNT(*) FROM catalogue_use WHERE team_id = CAST(:teamId AS TEXT)) < CAST(:usesMax AS BIGINT)
ON CONFLICT (team_id, provider, model) DO NOTHING;
