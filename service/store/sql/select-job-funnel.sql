SELECT COUNT(*) AS jobs,
  CAST(COALESCE(SUM(CASE WHEN execution_status = 'SUCCESS' THEN 1 ELSE 0 END), 0) AS BIGINT) AS successful,
  CAST(COALESCE(SUM(CASE WHEN outcome_type = 'CONVERTED' THEN 1 ELSE 0 END), 0) AS BIGINT) AS converted
FROM job
WHERE team_id = :teamId AND created_at_ms >= :fromMs AND created_at_ms <= :toMs
  AND (CAST(:type AS TEXT) IS NULL OR type = :type);
