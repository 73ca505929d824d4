SELECT id, control_id, kind, group_value, current_value, threshold, at_ms, transaction_id
FROM enforcement_event WHERE team_id = :teamId ORDER BY id DESC LIMIT :size OFFSET :skip;
