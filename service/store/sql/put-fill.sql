INSERT INTO control_fill (control_id, team_id, after_ms, after_id) VALUES (:controlId, :teamId, :afterMs, :afterId)
ON CONFLICT (control_id) DO UPDATE SET after_ms = excluded.after_ms, after_id = excluded.after_id;
