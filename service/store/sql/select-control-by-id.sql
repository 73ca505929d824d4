SELECT * FROM cost_control WHERE id = :id;
