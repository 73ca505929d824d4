INSERT INTO hold_charge (team_id, hold_id, control_id, version, amount, reason, created_at_ms)
SELECT CAST(:teamId AS TEXT), hold_id, control_id, version, amount, reason, created_at_ms
FROM unnest(
  CAST(:holdId AS TEXT[]), CAST(:controlId AS TEXT[]), CAST(:version AS BIGINT[]), CAST(:amount AS BIGINT[]),
  CAST(:reason AS TEXT[]), CAST(:createdAtMs AS BIGINT[])
) AS given (hold_id, control_id, version, amount, reason, created_at_ms);
