UPDATE api_key SET revoked_at_ms = :atMs WHERE id = :id AND revoked_at_ms IS NULL
RETURNING id, team_id, scope, label, hint;
