INSERT INTO job_metric (
  team_id, agentic_job_id, key, provenance, source, id, value, recorded_by, reason, recorded_at_ms
)
SELECT * FROM unnest(
  CAST(:teamId AS TEXT[]), CAST(:agenticJobId AS TEXT[]), CAST(:key AS TEXT[]), CAST(:provenance AS TEXT[]),
  CAST(:source AS TEXT[]), CAST(:id AS TEXT[]), CAST(:value AS TEXT[]), CAST(:recordedBy AS TEXT[]),
  CAST(:reason AS TEXT[]), CAST(:recordedAtMs AS BIGINT[])
);
