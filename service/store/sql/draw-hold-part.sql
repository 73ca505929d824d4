UPDATE hold_part SET drawn = :drawn, overrun = :overrun
WHERE team_id = :teamId AND hold_id = :holdId AND control_id = :controlId;
