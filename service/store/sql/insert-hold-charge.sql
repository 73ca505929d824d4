INSERT INTO hold_charge (team_id, hold_id, control_id, version, amount, reason, created_at_ms)
VALUES (:teamId, :holdId, :controlId, :version, :amount, :reason, :createdAtMs);
