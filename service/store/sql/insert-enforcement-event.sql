INSERT INTO enforcement_event (
  id, team_id, control_id, kind, group_value, current_value, threshold, window_start_ms, at_ms, transaction_id
) VALUES (
  :id, :teamId, :controlId, :kind, :groupValue, :currentValue, :threshold, :windowStartMs, :atMs, :transactionId
);
