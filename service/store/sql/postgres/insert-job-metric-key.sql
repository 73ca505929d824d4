INSERT INTO job_metric_key (team_id, job_type, key, kind)
SELECT * FROM unnest(
  CAST(:teamId AS TEXT[]), CAST(:jobType AS TEXT[]), CAST(:key AS TEXT[]), CAST(:kind AS TEXT[])
);
