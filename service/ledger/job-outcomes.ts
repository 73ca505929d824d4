/** What came of jobs: reported once, amended with a reason, every version kept (contract 5.9). */
import { numberOf, textOf, textOrNull } from '../store/sql.js';
import { type Answered, answerOnce } from './answer-once.js';
import type { LedgerContext } from './context.js';
import { checkMetrics, type JobMetricInput, keepMetrics, type MetricRefusal } from './job-metrics.js';
import { jobResource } from './job-resource.js';
import { getJob, type Job, type JobOutcome } from './job-rows.js';
import type { ItemKey } from './record-once.js';

/** An outcome as it is reported; amounts as decimal text. */
export interface OutcomeInput {
  readonly executionStatus: string;
  readonly outcomeType: string | null;
  readonly outcomeValue: string | null;
  readonly outcomeCurrency: string | null;
  readonly outcomeMetadata: string | null;
  readonly outcomeReason: string | null;
  readonly reportedBy: string | null;
  readonly metrics: readonly JobMetricInput[];
}

/** What of an outcome changes; what is absent stays. */
export interface OutcomeAmendment {
  readonly changes: Partial<Omit<OutcomeInput, 'metrics' | 'reportedBy'>>;
  readonly reportedBy: string | null;
  readonly reason: string;
  readonly expectedEntityVersion: number | null;
}

/** A version of an outcome. `amendmentSequence` 0 is the report. */
export interface OutcomeVersion {
  readonly amendmentSequence: number;
  readonly executionStatus: string;
  readonly outcomeType: string | null;
  readonly outcomeValue: string | null;
  readonly outcomeCurrency: string | null;
  readonly outcomeMetadata: string | null;
  readonly reportedBy: string | null;
  readonly reportedAtMs: number;
  readonly reason: string | null;
}

/** Why an outcome was not written; nothing changed. */
export type OutcomeRefusal =
  | { readonly state: 'unknown-job' }
  | { readonly state: 'not-reported' }
  | { readonly state: 'changed'; readonly entityVersion: number }
  | { readonly state: 'too-many' };

/** Amendments of one outcome (I10). */
const AMENDMENTS_MAX = 999;

/** Reports the outcome of a job that has none yet. */
export function reportOutcome(
  context: LedgerContext,
  teamId: string,
  name: string,
  input: OutcomeInput,
  key?: ItemKey,
): Promise<Answered | OutcomeRefusal | MetricRefusal | { readonly state: 'already-reported'; readonly job: Job }> {
  return answerOnce(context, teamId, key, async () => {
    const job = await getJob(context, teamId, name);
    if (job === undefined) return { state: 'unknown-job' } as const;
    if (job.outcome !== null) return { state: 'already-reported', job } as const;
    const refused = await checkMetrics(context, teamId, job, input.metrics);
    if (refused !== undefined) return refused;
    const { metrics, ...reported } = input;
    const outcome = { ...reported, reportedAtMs: context.nowMs, updatedAtMs: null, updatedBy: null };
    const answer = await write(context, teamId, job, outcome, { entityVersion: 1, reason: input.outcomeReason });
    await keepMetrics(context, teamId, job, metrics);
    return answer;
  });
}

/** Amends an outcome, where it is still the version that the caller saw. */
export function amendOutcome(
  context: LedgerContext,
  teamId: string,
  name: string,
  amendment: OutcomeAmendment,
  key?: ItemKey,
): Promise<Answered | OutcomeRefusal> {
  return answerOnce(context, teamId, key, async () => {
    const job = await getJob(context, teamId, name);
    if (job === undefined) return { state: 'unknown-job' } as const;
    const { outcome, entityVersion } = job;
    if (outcome === null) return { state: 'not-reported' } as const;
    const expected = amendment.expectedEntityVersion;
    if (expected !== null && expected !== entityVersion) return { state: 'changed', entityVersion } as const;
    if (entityVersion > AMENDMENTS_MAX) return { state: 'too-many' } as const;
    const { reason, reportedBy } = amendment;
    const amended = { ...outcome, ...amendment.changes, updatedAtMs: context.nowMs, updatedBy: reportedBy };
    return write(context, teamId, job, amended, { entityVersion: entityVersion + 1, reason });
  });
}

/** Every version of a job's outcome, oldest first; `undefined` where there is no such job. */
export async function outcomeHistory(
  context: LedgerContext,
  teamId: string,
  name: string,
): Promise<readonly OutcomeVersion[] | undefined> {
  const job = await getJob(context, teamId, name);
  if (job === undefined) return undefined;
  const rows = await context.sql.query('select-job-outcomes', { teamId, agenticJobId: job.agenticJobId });
  return rows.map((row) => ({
    amendmentSequence: numberOf(row, 'amendment_sequence'),
    executionStatus: textOf(row, 'execution_status'),
    outcomeType: textOrNull(row, 'outcome_type'),
    outcomeValue: textOrNull(row, 'outcome_value'),
    outcomeCurrency: textOrNull(row, 'outcome_currency'),
    outcomeMetadata: textOrNull(row, 'outcome_metadata'),
    reportedBy: textOrNull(row, 'reported_by'),
    reportedAtMs: numberOf(row, 'reported_at_ms'),
    reason: textOrNull(row, 'reason'),
  }));
}

async function write(
  context: LedgerContext,
  teamId: string,
  job: Job,
  outcome: JobOutcome,
  version: { readonly entityVersion: number; readonly reason: string | null },
) {
  const { nowMs, sql } = context;
  const { agenticJobId } = job;
  const { executionStatus, outcomeType, outcomeValue, outcomeCurrency, outcomeMetadata } = outcome;
  const kept = { teamId, agenticJobId, executionStatus, outcomeType, outcomeValue, outcomeCurrency, outcomeMetadata };
  await sql.query('set-job-outcome', {
    ...kept,
    outcomeReason: outcome.outcomeReason,
    reportedBy: outcome.reportedBy,
    reportedAtMs: outcome.reportedAtMs,
    updatedAtMs: outcome.updatedAtMs,
    updatedBy: outcome.updatedBy,
    entityVersion: version.entityVersion,
    nowMs,
  });
  await sql.query('insert-job-outcome', {
    ...kept,
    amendmentSequence: version.entityVersion - 1,
    reportedBy: version.entityVersion === 1 ? outcome.reportedBy : outcome.updatedBy,
    reportedAtMs: nowMs,
    reason: version.reason,
  });
  const { entityVersion } = version;
  const body = JSON.stringify(jobResource({ ...job, outcome, entityVersion, updatedAtMs: nowMs }));
  return { state: 'done', answer: { status: 200, body } } as const;
}
