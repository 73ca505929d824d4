SELECT key, provenance, source, id, value, recorded_by, reason, recorded_at_ms
FROM job_metric
WHERE team_id = :teamId AND agentic_job_id = :agenticJobId
ORDER BY recorded_at_ms, key, provenance, source;
