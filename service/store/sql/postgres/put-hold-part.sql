INSERT INTO hold_part (
  team_id, hold_id, control_id, group_key, window_start_ms, window_end_ms, amount, drawn, charged, charge_version,
  overrun, state, live
)
SELECT CAST(:teamId AS TEXT), hold_id, control_id, group_key, window_start_ms, window_end_ms, amount, drawn, charged,
  charge_version, overrun, state, live
FROM unnest(
  CAST(:holdId AS TEXT[]), CAST(:controlId AS TEXT[]), CAST(:groupKey AS TEXT[]), CAST(:windowStartMs AS BIGINT[]),
  CAST(:windowEndMs AS BIGINT[]), CAST(:amount AS BIGINT[]), CAST(:drawn AS BIGINT[]), CAST(:charged AS BIGINT[]),
  CAST(:chargeVersion AS BIGINT[]), CAST(:overrun AS BIGINT[]), CAST(:state AS TEXT[]), CAST(:live AS BIGINT[])
) AS given (hold_id, control_id, group_key, window_start_ms, window_end_ms, amount, drawn, charged, charge_version,
  overrun, state, live)
ON CONFLICT (team_id, hold_id, control_id) DO UPDATE SET
  group_key = excluded.group_key, window_start_ms = excluded.window_start_ms, window_end_ms = excluded.window_end_ms,
  amount = excluded.amount, drawn = excluded.drawn, charged = excluded.charged,
  charge_version = excluded.charge_version, overrun = excluded.overrun, state = excluded.state, live = excluded.live;
