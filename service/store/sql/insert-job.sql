INSERT INTO job (
  team_id, agentic_job_id, id, name, type, version, environment, source, created_at_ms, updated_at_ms, entity_version
) VALUES (:teamId, :agenticJobId, :id, :name, :type, :version, :environment, 'API', :nowMs, :nowMs, 0)
ON CONFLICT (team_id, agentic_job_id) DO UPDATE SET
  name = COALESCE(excluded.name, job.name), type = COALESCE(excluded.type, job.type),
  version = COALESCE(excluded.version, job.version), environment = COALESCE(excluded.environment, job.environment),
  source = 'API', updated_at_ms = excluded.updated_at_ms
WHERE job.source = 'EVENT'
RETURNING agentic_job_id;
