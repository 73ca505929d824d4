INSERT INTO catalogue_version (version, first_seen_ms) VALUES (:version, :nowMs)
ON CONFLICT (version) DO NOTHING RETURNING version;
