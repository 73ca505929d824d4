INSERT INTO job_metric (
  team_id, agentic_job_id, key, provenance, source, id, value, recorded_by, reason, recorded_at_ms
) VALUES (:teamId, :agenticJobId, :key, :provenance, :source, :id, :value, :recordedBy, :reason, :recordedAtMs);
