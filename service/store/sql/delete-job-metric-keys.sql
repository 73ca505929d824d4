DELETE FROM job_metric_key WHERE team_id = :teamId AND job_type = :jobType;
