UPDATE job SET execution_status = :executionStatus, outcome_type = :outcomeType, outcome_value = :outcomeValue,
  outcome_currency = :outcomeCurrency, outcome_metadata = :outcomeMetadata, outcome_reason = :outcomeReason,
  outcome_reported_by = :reportedBy, outcome_reported_at_ms = :reportedAtMs, outcome_updated_at_ms = :updatedAtMs,
  outcome_updated_by = :updatedBy, updated_at_ms = :nowMs, entity_version = :entityVersion
WHERE team_id = :teamId AND agentic_job_id = :agenticJobId;
