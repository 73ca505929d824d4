INSERT INTO alert (
  id, webhook_id, team_id, event_id, type, body, state, attempts, next_at_ms, last_at_ms, last_status, last_error,
  created_at_ms, ended_at_ms
) VALUES (
  :id, :webhookId, :teamId, :eventId, 'webhook.test', :body, :state, 1, :nowMs, :nowMs, :status, :error, :nowMs, :nowMs
);
