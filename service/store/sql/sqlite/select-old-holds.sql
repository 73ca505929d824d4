-- Without figures of the table SQLite would read all holds of the team instead.
SELECT h.id FROM hold h INDEXED BY hold_ended
WHERE h.team_id = :teamId AND h.state <> 'open' AND h.ended_at_ms < :endedBeforeMs AND NOT EXISTS (
  SELECT 1 FROM hold_part p WHERE p.team_id = h.team_id AND p.hold_id = h.id AND p.live = 1
)
ORDER BY h.ended_at_ms
LIMIT :size;
