INSERT INTO control_raise (id, team_id, control_id, amount, until_ms, reason, by_text, created_at_ms)
VALUES (:id, :teamId, :controlId, :amount, :untilMs, :reason, :byText, :createdAtMs);
