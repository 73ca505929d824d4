UPDATE cost_control SET counted_from_ms = :countedFromMs WHERE id = :id;
