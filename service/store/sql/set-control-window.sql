UPDATE cost_control SET window_start_ms = :windowStartMs, window_end_ms = :windowEndMs WHERE id = :id;
