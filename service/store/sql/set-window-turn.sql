INSERT INTO window_turn (window_type, window_start_ms) VALUES (:windowType, :windowStartMs)
ON CONFLICT (window_type) DO UPDATE SET window_start_ms = excluded.window_start_ms;
