SELECT id, event_id, transaction_id, body, received_at_ms, times
FROM event_conflict WHERE team_id = :teamId ORDER BY id DESC LIMIT :size OFFSET :skip;
