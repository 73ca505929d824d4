UPDATE hold_part SET drawn = given.drawn, overrun = given.overrun
FROM unnest(
  CAST(:holdId AS TEXT[]), CAST(:controlId AS TEXT[]), CAST(:drawn AS BIGINT[]), CAST(:overrun AS BIGINT[])
) AS given (hold_id, control_id, drawn, overrun)
WHERE hold_part.team_id = :teamId AND hold_part.hold_id = given.hold_id AND hold_part.control_id = given.control_id;
