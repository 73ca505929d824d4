SELECT COUNT(*) AS total FROM usage_event WHERE team_id = :teamId AND agentic_job_id = :agenticJobId;
