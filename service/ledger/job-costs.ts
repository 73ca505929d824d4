/** What jobs cost, from the price entries of their events (contract 5.9). Never a figure where a price is unknown (I5). */
import { bigintOf, flagOf, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { Page } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { getJob, type Job } from './job-rows.js';
import type { EventKind } from './media-facts.js';
import { readPage } from './reading.js';

/** The sums over a job's events. `knownNanoUsd` is a lower bound of the cost where `unknownPrices` is above 0. */
export interface JobCosts {
  readonly job: Job;
  readonly transactions: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly knownNanoUsd: bigint;
  readonly unknownPrices: number;
}

/** One event of a job. */
export interface JobTransaction {
  readonly id: string;
  readonly transactionId: string;
  readonly kind: EventKind;
  readonly atMs: number;
  readonly agent: string | null;
  readonly model: string;
  readonly provider: string;
  /** As the event said; `null` where it did not. */
  readonly durationMs: number | null;
  /** `null`: the price is unknown. */
  readonly amountNanoUsd: bigint | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly failed: boolean;
}

/** Sums a job up; `undefined` where there is no such job. */
export async function jobCosts(context: LedgerContext, teamId: string, name: string): Promise<JobCosts | undefined> {
  const job = await getJob(context, teamId, name);
  if (job === undefined) return undefined;
  const [row] = await context.sql.query('select-job-costs', { teamId, agenticJobId: job.agenticJobId });
  if (row === undefined) throw new Error('a sum has no row');
  return {
    job,
    transactions: numberOf(row, 'transactions'),
    inputTokens: numberOf(row, 'input_tokens'),
    outputTokens: numberOf(row, 'output_tokens'),
    totalTokens: numberOf(row, 'total_tokens'),
    // Added up in two parts: the sum may leave the 64 bits that a database has.
    knownNanoUsd: bigintOf(row, 'amount_usd') * 1_000_000_000n + bigintOf(row, 'amount_nano_usd'),
    unknownPrices: numberOf(row, 'unknown_prices'),
  };
}

/** A page of a job's events, newest first; `undefined` where there is no such job. */
export async function jobTransactions(
  context: LedgerContext,
  teamId: string,
  name: string,
  query: { readonly page: number; readonly size: number },
): Promise<Page<JobTransaction> | undefined> {
  const job = await getJob(context, teamId, name);
  if (job === undefined) return undefined;
  const params = { teamId, agenticJobId: job.agenticJobId };
  return readPage(context, ['list-job-events', 'count-job-events'], params, query, transactionFromRow);
}

function transactionFromRow(row: SqlRow): JobTransaction {
  const unknown = textOf(row, 'price_state') === 'unknown';
  return {
    id: textOf(row, 'id'),
    transactionId: textOf(row, 'transaction_id'),
    kind: textOf(row, 'kind') as EventKind,
    atMs: numberOf(row, 'window_time_ms'),
    agent: textOrNull(row, 'agent'),
    model: textOf(row, 'model'),
    provider: textOf(row, 'provider'),
    durationMs: durationOf(JSON.parse(textOf(row, 'body')) as Readonly<Record<string, unknown>>),
    amountNanoUsd: unknown ? null : bigintOf(row, 'amount_nano_usd'),
    inputTokens: numberOf(row, 'input_tokens'),
    outputTokens: numberOf(row, 'output_tokens'),
    totalTokens: numberOf(row, 'total_tokens'),
    failed: flagOf(row, 'failed'),
  };
}

function durationOf(body: Readonly<Record<string, unknown>>): number | null {
  const duration = body['requestDuration'] ?? body['durationMs'];
  return typeof duration === 'number' ? duration : null;
}
