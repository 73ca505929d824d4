SELECT window_start_ms FROM window_turn WHERE window_type = :windowType;
