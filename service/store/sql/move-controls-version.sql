UPDATE team SET controls_version = controls_version + 1 WHERE id = :id;
