/** Values that were measured of a job's outcome, and which ones jobs of a type may carry (contract 5.9). */
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import { type Answered, answerOnce } from './answer-once.js';
import type { LedgerContext } from './context.js';
import { getJob, type Job } from './job-rows.js';
import type { ItemKey } from './record-once.js';

/** One measured value, as decimal text. */
export interface JobMetricInput {
  readonly key: string;
  readonly value: string;
  readonly provenance: string;
  readonly recordedBy: string | null;
  readonly source: string | null;
  readonly reason: string | null;
  /** `null`: now. */
  readonly recordedAtMs: number | null;
}

/** A value as it is kept. */
export interface JobMetric extends JobMetricInput {
  readonly id: string;
  readonly recordedAtMs: number;
}

/** A metric that jobs of a type may carry. The value of a `RATE` lies between 0 and 1. */
export interface MetricKey {
  readonly key: string;
  readonly kind: 'NUMBER' | 'RATE';
}

/** Why metrics were not kept; none of them was. `at` is the place of the one that is wrong. */
export type MetricRefusal =
  | { readonly state: 'undeclared'; readonly at: number; readonly declared: readonly string[] }
  | { readonly state: 'not-a-rate'; readonly at: number }
  | { readonly state: 'duplicate-metric'; readonly at: number }
  | { readonly state: 'too-many-metrics' };

/** Values of one job (I10). */
const METRICS_MAX = 1_000;
/** A rate by its name, also where its type declares nothing. */
const QUALITY_RATE = /^quality[._-]?rate$/i;

/** Adds values to the outcome of a job, all of them or none. */
export function addJobMetrics(
  context: LedgerContext,
  teamId: string,
  name: string,
  metrics: readonly JobMetricInput[],
  key?: ItemKey,
): Promise<Answered | MetricRefusal | { readonly state: 'unknown-job' }> {
  return answerOnce(context, teamId, key, async () => {
    const job = await getJob(context, teamId, name);
    if (job === undefined) return { state: 'unknown-job' } as const;
    const refused = await checkMetrics(context, teamId, job, metrics);
    if (refused !== undefined) return refused;
    const kept = await keepMetrics(context, teamId, job, metrics);
    return { state: 'done', answer: { status: 201, body: JSON.stringify(kept.map(metricResource)) } } as const;
  });
}

/** The values of a job, oldest first; `undefined` where there is no such job. */
export async function listJobMetrics(
  context: LedgerContext,
  teamId: string,
  name: string,
): Promise<readonly JobMetric[] | undefined> {
  const job = await getJob(context, teamId, name);
  return job === undefined ? undefined : readMetrics(context, teamId, job);
}

/** What is wrong with metrics that are about to be kept; `undefined`: nothing. */
export async function checkMetrics(
  context: LedgerContext,
  teamId: string,
  job: Job,
  metrics: readonly JobMetricInput[],
): Promise<MetricRefusal | undefined> {
  if (metrics.length === 0) return undefined;
  const declared = job.type === null ? [] : await jobMetricKeys(context, teamId, job.type);
  const kinds = new Map(declared.map(({ key, kind }) => [key, kind]));
  const there = await readMetrics(context, teamId, job);
  if (there.length + metrics.length > METRICS_MAX) return { state: 'too-many-metrics' };
  const taken = new Set(there.map(identityOf));
  for (const [at, metric] of metrics.entries()) {
    const kind = kinds.get(metric.key);
    if (kind === undefined && declared.length > 0) {
      return { state: 'undeclared', at, declared: declared.map(({ key }) => key) };
    }
    const value = Number(metric.value);
    if ((kind === 'RATE' || QUALITY_RATE.test(metric.key)) && !(value >= 0 && value <= 1)) {
      return { state: 'not-a-rate', at };
    }
    if (taken.has(identityOf(metric))) return { state: 'duplicate-metric', at };
    taken.add(identityOf(metric));
  }
  return undefined;
}

/** Keeps metrics that were checked. */
export async function keepMetrics(
  context: LedgerContext,
  teamId: string,
  job: Job,
  metrics: readonly JobMetricInput[],
): Promise<readonly JobMetric[]> {
  const { agenticJobId } = job;
  const kept = metrics.map((metric): JobMetric => {
    return { ...metric, id: context.newId(), recordedAtMs: metric.recordedAtMs ?? context.nowMs };
  });
  const sets = kept.map((metric) => ({ ...metric, source: metric.source ?? '', teamId, agenticJobId }));
  if (sets.length > 0) await context.sql.many('insert-job-metric', sets);
  return kept;
}

/** The metrics that jobs of a type may carry; none: every key. */
export async function jobMetricKeys(
  context: LedgerContext,
  teamId: string,
  jobType: string,
): Promise<readonly MetricKey[]> {
  const rows = await context.sql.query('select-job-metric-keys', { teamId, jobType });
  return rows.map((row) => ({ key: textOf(row, 'key'), kind: textOf(row, 'kind') === 'RATE' ? 'RATE' : 'NUMBER' }));
}

/** Declares the metrics of a type, in place of those before; none: every key may come. What was kept stays. */
export async function setJobMetricKeys(
  context: LedgerContext,
  teamId: string,
  jobType: string,
  keys: readonly MetricKey[],
): Promise<readonly MetricKey[]> {
  await context.sql.query('delete-job-metric-keys', { teamId, jobType });
  const sets = keys.map(({ key, kind }) => ({ teamId, jobType, key, kind }));
  if (sets.length > 0) await context.sql.many('insert-job-metric-key', sets);
  return jobMetricKeys(context, teamId, jobType);
}

/** A value as the API answers it. */
export function metricResource(metric: JobMetric) {
  return {
    id: metric.id,
    resourceType: 'jobOutcomeMetric' as const,
    key: metric.key,
    value: Number(metric.value),
    provenance: metric.provenance,
    recordedBy: metric.recordedBy,
    source: metric.source,
    reason: metric.reason,
    recordedAt: new Date(metric.recordedAtMs).toISOString(),
  };
}

async function readMetrics(context: LedgerContext, teamId: string, job: Job): Promise<readonly JobMetric[]> {
  const { agenticJobId } = job;
  return (await context.sql.query('select-job-metrics', { teamId, agenticJobId })).map(metricFromRow);
}

function metricFromRow(row: SqlRow): JobMetric {
  const source = textOf(row, 'source');
  return {
    id: textOf(row, 'id'),
    key: textOf(row, 'key'),
    value: textOf(row, 'value'),
    provenance: textOf(row, 'provenance'),
    recordedBy: textOrNull(row, 'recorded_by'),
    source: source === '' ? null : source,
    reason: textOrNull(row, 'reason'),
    recordedAtMs: numberOf(row, 'recorded_at_ms'),
  };
}

function identityOf({ key, provenance, source }: JobMetricInput): string {
  return [key, provenance, source ?? ''].join('\n');
}
