INSERT INTO job_outcome (
  team_id, agentic_job_id, amendment_sequence, execution_status, outcome_type, outcome_value, outcome_currency,
  outcome_metadata, reported_by, reported_at_ms, reason
) VALUES (
  :teamId, :agenticJobId, :amendmentSequence, :executionStatus, :outcomeType, :outcomeValue, :outcomeCurrency,
  :outcomeMetadata, :reportedBy, :reportedAtMs, :reason
);
