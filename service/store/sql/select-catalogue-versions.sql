SELECT version, first_seen_ms FROM catalogue_version ORDER BY first_seen_ms, version;
