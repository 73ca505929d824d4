UPDATE usage_event SET placements = :placements WHERE id = :id;
