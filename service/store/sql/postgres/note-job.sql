INSERT INTO job (
  team_id, agentic_job_id, id, name, type, version, environment, source, created_at_ms, updated_at_ms, entity_version
)
SELECT team_id, agentic_job_id, id, name, type, version, environment, 'EVENT', now_ms, now_ms, 0
FROM unnest(
  CAST(:teamId AS TEXT[]), CAST(:agenticJobId AS TEXT[]), CAST(:id AS TEXT[]), CAST(:name AS TEXT[]),
  CAST(:type AS TEXT[]), CAST(:version AS TEXT[]), CAST(:environment AS TEXT[]), CAST(:nowMs AS BIGINT[])
) AS given (team_id, agentic_job_id, id, name, type, version, environment, now_ms)
ON CONFLICT (team_id, agentic_job_id) DO UPDATE SET
  name = COALESCE(job.name, excluded.name), type = COALESCE(job.type, excluded.type),
  version = COALESCE(job.version, excluded.version), environment = COALESCE(job.environment, excluded.environment),
  updated_at_ms = excluded.updated_at_ms
WHERE (job.name IS NULL AND excluded.name IS NOT NULL) OR (job.type IS NULL AND excluded.type IS NOT NULL)
  OR (job.version IS NULL AND excluded.version IS NOT NULL)
  OR (job.environment IS NULL AND excluded.environment IS NOT NULL);
