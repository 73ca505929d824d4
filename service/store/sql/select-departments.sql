SELECT id, name, parent_id, source, external_ref FROM department WHERE team_id = :teamId ORDER BY id;
