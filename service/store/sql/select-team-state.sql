SELECT revision, controls_version, prices_version, directory_version,
  EXISTS (SELECT 1 FROM control_fill WHERE team_id = team.id) AS filling
FROM team WHERE id = :id;
