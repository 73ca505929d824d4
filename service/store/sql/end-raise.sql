UPDATE control_raise SET ended_at_ms = :atMs, ended_by = :byText WHERE id = :id AND ended_at_ms IS NULL;
