INSERT INTO department (id, team_id, name, parent_id, source, external_ref, created_at_ms, updated_at_ms)
VALUES (:id, :teamId, :name, :parentId, :source, :externalRef, :nowMs, :nowMs);
