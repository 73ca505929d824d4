SELECT MIN(at_ms) AS at_ms FROM (
  SELECT MIN(window_end_ms) AS at_ms FROM cost_control WHERE enabled = 1 AND deleted_at_ms IS NULL
  UNION ALL
  SELECT MIN(window_end_ms) AS at_ms FROM balance WHERE announced > 0
  UNION ALL
  SELECT MIN(until_ms) AS at_ms FROM control_raise WHERE ended_at_ms IS NULL
) AS turns;
