UPDATE usage_event e SET placements = given.placements
FROM unnest(CAST(:id AS TEXT[]), CAST(:placements AS TEXT[])) AS given (id, placements)
WHERE e.id = given.id;
