INSERT INTO team (id, numeric_id, name, created_at_ms, revision, controls_version, prices_version)
VALUES (:id, :numericId, :name, :createdAtMs, :revision, 0, 0);
