SELECT provider, model, entry, version, variants, state, previous_version, previous_variants, reviewed_version,
  reviewed_at_ms
FROM catalogue_use WHERE team_id = :teamId ORDER BY provider, model;
