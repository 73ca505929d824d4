UPDATE hold SET recalled = 1
WHERE team_id = :teamId AND state = 'open' AND recalled = 0 AND owner <> :owner AND id IN (
  SELECT p.hold_id FROM hold_part p
  WHERE p.control_id = :controlId AND p.group_key = :groupKey AND p.live = 1 AND p.state = 'open'
    AND p.amount > p.drawn AND (CAST(:windowStartMs AS BIGINT) IS NULL OR p.window_start_ms = :windowStartMs)
);
