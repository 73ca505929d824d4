/** `fusewire/outcomes`: jobs and their outcomes, what an agent was worth beside what it cost (contract 5.9). */
export { AgenticOutcomeClient, type AgenticOutcomeSettings, type JobRun } from './outcomes/agentic-outcome-client.js';
export type { JobsClient } from './outcomes/jobs-client.js';
export {
  JobsApiError,
  OutcomeAlreadyReportedError,
  OutcomeAmendConflictError,
  OutcomeNotReportedError,
} from './outcomes/jobs-errors.js';
export type {
  ConversionFunnel,
  ExecutionStatus,
  Job,
  JobDeclaration,
  JobPage,
  JobQuery,
  JobRoi,
  JobTransactions,
  Outcome,
  OutcomeAmendment,
  OutcomeMetric,
  OutcomeType,
  OutcomeVersion,
  Provenance,
} from './outcomes/jobs-types.js';
