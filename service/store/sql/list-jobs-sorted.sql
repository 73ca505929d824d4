SELECT agentic_job_id, id, name, type, version, environment, source, created_at_ms, updated_at_ms, execution_status,
  outcome_type, outcome_value, outcome_currency, outcome_metadata, outcome_reason, outcome_reported_by,
  outcome_reported_at_ms, outcome_updated_at_ms, outcome_updated_by, entity_version
FROM job
WHERE team_id = :teamId AND created_at_ms >= :fromMs AND created_at_ms <= :toMs
  AND (CAST(:type AS TEXT) IS NULL OR type = :type)
  AND (CAST(:executionStatus AS TEXT) IS NULL OR execution_status = :executionStatus)
  AND (CAST(:outcomeType AS TEXT) IS NULL OR outcome_type = :outcomeType)
ORDER BY
  CASE WHEN CAST(:sort AS TEXT) = 'created,asc' THEN created_at_ms WHEN :sort = 'updated,asc' THEN updated_at_ms END,
  CASE WHEN CAST(:sort AS TEXT) = 'updated,desc' THEN updated_at_ms END DESC,
  CASE WHEN CAST(:sort AS TEXT) = 'name,asc' THEN COALESCE(name, agentic_job_id)
    WHEN :sort = 'agenticJobId,asc' THEN agentic_job_id WHEN :sort = 'type,asc' THEN type END,
  CASE WHEN CAST(:sort AS TEXT) = 'name,desc' THEN COALESCE(name, agentic_job_id)
    WHEN :sort = 'agenticJobId,desc' THEN agentic_job_id WHEN :sort = 'type,desc' THEN type END DESC,
  created_at_ms DESC, agentic_job_id DESC
LIMIT :size OFFSET :skip;
