SELECT directory_version FROM team WHERE id = :id;
