/** Jobs as they are kept (contract 5.9). */
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { LedgerContext } from './context.js';

/** How a job ended, and what that was worth. Amounts are decimal text, exactly as they were reported. */
export interface JobOutcome {
  readonly executionStatus: string;
  readonly outcomeType: string | null;
  readonly outcomeValue: string | null;
  readonly outcomeCurrency: string | null;
  /** JSON text of the reporter. */
  readonly outcomeMetadata: string | null;
  readonly outcomeReason: string | null;
  readonly reportedBy: string | null;
  readonly reportedAtMs: number;
  readonly updatedAtMs: number | null;
  readonly updatedBy: string | null;
}

/** A piece of work that many calls belong to. */
export interface Job {
  readonly id: string;
  readonly agenticJobId: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly version: string | null;
  readonly environment: string | null;
  /** `EVENT`: only named by events so far. `API`: declared. */
  readonly source: 'EVENT' | 'API';
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** `null`: none was reported yet. */
  readonly outcome: JobOutcome | null;
  /** 0 without an outcome, 1 with it, and one more with every amendment. */
  readonly entityVersion: number;
}

/** Reads a row of `select-job` and its relatives. */
export function jobFromRow(row: SqlRow): Job {
  return {
    id: textOf(row, 'id'),
    agenticJobId: textOf(row, 'agentic_job_id'),
    name: textOrNull(row, 'name'),
    type: textOrNull(row, 'type'),
    version: textOrNull(row, 'version'),
    environment: textOrNull(row, 'environment'),
    source: textOf(row, 'source') === 'API' ? 'API' : 'EVENT',
    createdAtMs: numberOf(row, 'created_at_ms'),
    updatedAtMs: numberOf(row, 'updated_at_ms'),
    outcome: outcomeFromRow(row),
    entityVersion: numberOf(row, 'entity_version'),
  };
}

function outcomeFromRow(row: SqlRow): JobOutcome | null {
  if (row['execution_status'] == null) return null;
  return {
    executionStatus: textOf(row, 'execution_status'),
    outcomeType: textOrNull(row, 'outcome_type'),
    outcomeValue: textOrNull(row, 'outcome_value'),
    outcomeCurrency: textOrNull(row, 'outcome_currency'),
    outcomeMetadata: textOrNull(row, 'outcome_metadata'),
    outcomeReason: textOrNull(row, 'outcome_reason'),
    reportedBy: textOrNull(row, 'outcome_reported_by'),
    reportedAtMs: numberOf(row, 'outcome_reported_at_ms'),
    updatedAtMs: row['outcome_updated_at_ms'] == null ? null : numberOf(row, 'outcome_updated_at_ms'),
    updatedBy: textOrNull(row, 'outcome_updated_by'),
  };
}

/** A job by the name that callers gave it, or by its own id; `undefined` where the team has none. */
export async function getJob(context: LedgerContext, teamId: string, name: string): Promise<Job | undefined> {
  const [row] = await context.sql.query('select-job', { teamId, name });
  return row === undefined ? undefined : jobFromRow(row);
}
