UPDATE department SET name = :name, parent_id = :parentId, external_ref = :externalRef, updated_at_ms = :nowMs
WHERE team_id = :teamId AND id = :id;
