SELECT amendment_sequence, execution_status, outcome_type, outcome_value, outcome_currency, outcome_metadata,
  reported_by, reported_at_ms, reason
FROM job_outcome
WHERE team_id = :teamId AND agentic_job_id = :agenticJobId
ORDER BY amendment_sequence
LIMIT 1000;
