UPDATE team SET directory_version = directory_version + 1 WHERE id = :id;
