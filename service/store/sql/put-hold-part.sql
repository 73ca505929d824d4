INSERT INTO hold_part (
  team_id, hold_id, control_id, group_key, window_start_ms, window_end_ms, amount, drawn, charged, charge_version,
  overrun, state, live
) VALUES (
  :teamId, :holdId, :controlId, :groupKey, :windowStartMs, :windowEndMs, :amount, :drawn, :charged, :chargeVersion,
  :overrun, :state, :live
) ON CONFLICT (team_id, hold_id, control_id) DO UPDATE SET
  group_key = excluded.group_key, window_start_ms = excluded.window_start_ms, window_end_ms = excluded.window_end_ms,
  amount = excluded.amount, drawn = excluded.drawn, charged = excluded.charged,
  charge_version = excluded.charge_version, overrun = excluded.overrun, state = excluded.state, live = excluded.live;
