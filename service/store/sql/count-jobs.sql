SELECT COUNT(*) AS total FROM job
WHERE team_id = :teamId AND created_at_ms >= :fromMs AND created_at_ms <= :toMs
  AND (CAST(:type AS TEXT) IS NULL OR type = :type)
  AND (CAST(:executionStatus AS TEXT) IS NULL OR execution_status = :executionStatus)
  AND (CAST(:outcomeType AS TEXT) IS NULL OR outcome_type = :outcomeType);
