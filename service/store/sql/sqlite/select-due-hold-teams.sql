-- Without figures of the table SQLite would read all holds instead.
SELECT DISTINCT team_id FROM hold INDEXED BY hold_expiry WHERE state = 'open' AND expires_at_ms <= :nowMs
UNION
SELECT DISTINCT h.team_id FROM hold h INDEXED BY hold_ended
WHERE h.state <> 'open' AND h.ended_at_ms < :endedBeforeMs AND NOT EXISTS (
  SELECT 1 FROM hold_part p WHERE p.team_id = h.team_id AND p.hold_id = h.id AND p.live = 1
)
ORDER BY team_id;
