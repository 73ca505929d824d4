SELECT
  id, event_id, type, state, attempts, next_at_ms, last_at_ms, last_status, last_error, created_at_ms, body
FROM alert WHERE webhook_id = :webhookId AND team_id = :teamId
ORDER BY id DESC LIMIT :size OFFSET :skip;
