/** Declaring jobs and looking over them (contract 5.9). */
import { numberOf, textOf } from '../store/sql.js';
import type { Page } from '../store/store.js';
import { type Answered, answerOnce } from './answer-once.js';
import type { LedgerContext } from './context.js';
import { jobResource } from './job-resource.js';
import { getJob, type Job, jobFromRow } from './job-rows.js';
import { readPage } from './reading.js';
import type { ItemKey } from './record-once.js';

/** What a job is declared with; what is `null` is left open. */
export interface JobInput {
  readonly agenticJobId: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly version: string | null;
  readonly environment: string | null;
}

/** Which jobs: by type, outcome and the time of their making, both ends included. */
export interface JobFilter {
  readonly type: string | null;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The order of a list; `created,desc` is the one that an index gives. */
export type JobSort = `${'created' | 'updated' | 'name' | 'agenticJobId' | 'type'},${'asc' | 'desc'}`;

/** A page of jobs. */
export interface JobQuery extends JobFilter {
  readonly executionStatus: string | null;
  readonly outcomeType: string | null;
  readonly sort: JobSort;
  readonly page: number;
  readonly size: number;
}

/** How many jobs got how far. */
export interface JobFunnel {
  readonly jobs: number;
  readonly successful: number;
  readonly converted: number;
}

/**
 * Declares a job. One that only events have named so far is declared by this; `already-there`: it was declared before,
 * and nothing changes.
 */
export function createJob(
  context: LedgerContext,
  teamId: string,
  input: JobInput,
  key?: ItemKey,
): Promise<Answered | { readonly state: 'already-there'; readonly job: Job }> {
  return answerOnce(context, teamId, key, async () => {
    const made = await context.sql.query('insert-job', {
      ...input,
      teamId,
      id: context.newId(),
      nowMs: context.nowMs,
    });
    const job = await getJob(context, teamId, input.agenticJobId);
    if (job === undefined) throw new Error('a job was declared and is not there');
    if (made.length === 0) return { state: 'already-there', job } as const;
    return { state: 'done', answer: { status: 201, body: JSON.stringify(jobResource(job)) } } as const;
  });
}

/** A page of jobs. */
export function listJobs(context: LedgerContext, teamId: string, query: JobQuery): Promise<Page<Job>> {
  const { type, fromMs, toMs, executionStatus, outcomeType, sort } = query;
  const filter = { teamId, type, fromMs, toMs, executionStatus, outcomeType };
  if (sort === 'created,desc') return readPage(context, ['list-jobs', 'count-jobs'], filter, query, jobFromRow);
  return readPage(context, ['list-jobs-sorted', 'count-jobs'], filter, query, jobFromRow, { sort });
}

/** The types that the team's jobs have, in order; at most 1,000. */
export async function jobTypes(context: LedgerContext, teamId: string): Promise<readonly string[]> {
  return (await context.sql.query('select-job-types', { teamId })).map((row) => textOf(row, 'type'));
}

/** How many of the jobs succeeded and converted. */
export async function jobFunnel(context: LedgerContext, teamId: string, filter: JobFilter): Promise<JobFunnel> {
  const { type, fromMs, toMs } = filter;
  const [row] = await context.sql.query('select-job-funnel', { teamId, type, fromMs, toMs });
  if (row === undefined) throw new Error('a count has no row');
  return {
    jobs: numberOf(row, 'jobs'),
    successful: numberOf(row, 'successful'),
    converted: numberOf(row, 'converted'),
  };
}
