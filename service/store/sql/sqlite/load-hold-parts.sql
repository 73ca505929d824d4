SELECT hold_id, control_id, group_key, window_start_ms, window_end_ms, amount, drawn, charged, charge_version, overrun,
  state
FROM hold_part WHERE team_id = :teamId AND hold_id IN (SELECT value FROM json_each(:id));
