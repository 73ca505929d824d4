INSERT INTO job_metric_key (team_id, job_type, key, kind) VALUES (:teamId, :jobType, :key, :kind);
