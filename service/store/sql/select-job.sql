SELECT agentic_job_id, id, name, type, version, environment, source, created_at_ms, updated_at_ms, execution_status,
  outcome_type, outcome_value, outcome_currency, outcome_metadata, outcome_reason, outcome_reported_by,
  outcome_reported_at_ms, outcome_updated_at_ms, outcome_updated_by, entity_version
FROM job
WHERE team_id = :teamId AND (agentic_job_id = :name OR id = :name)
ORDER BY CASE WHEN agentic_job_id = :name THEN 0 ELSE 1 END
LIMIT 1;
