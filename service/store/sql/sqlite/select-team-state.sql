SELECT revision, controls_version, prices_version FROM team WHERE id = :id;
