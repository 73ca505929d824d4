UPDATE catalogue_use SET entry = :entry, version = :version, variants = :variants, state = :state,
  previous_version = :previousVersion, previous_variants = :previousVariants, reviewed_version = :reviewedVersion,
  reviewed_at_ms = :reviewedAtMs
WHERE team_id = :teamId AND provider = :provider AND model = :model;
