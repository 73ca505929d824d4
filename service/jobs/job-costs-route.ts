/** What a job cost and what it was worth (contract 5.9). An unknown price makes the total unknown, never zero (I5). */
import { z } from 'zod';
import { boundedSize, PAGE_SIZE_MAX, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { formatScaled, parseScaled } from '../ledger/decimal.js';
import type { JobCosts, JobTransaction } from '../ledger/job-costs.js';
import { jobErrors, jobParams, jobQuery, teamOf, unknownJob } from './job-answers.js';

const NANO_DIGITS = 9;
const config = { access: 'metering' as const };

const roiSchema = z.object({
  agenticJobId: z.string(),
  agenticJobName: z.string().nullable(),
  agenticJobType: z.string().nullable(),
  totalCost: z.number().nullable().describe('dollars; null where a price is unknown'),
  knownCost: z.number().describe('dollars; the part of the cost that is known'),
  unknownPriceCount: z.int().describe('events whose price is unknown'),
  outcomeValue: z.number().nullable(),
  outcomeCurrency: z.string().nullable(),
  roi: z.number().nullable().describe('(value − cost) / cost; null where it cannot be said'),
  roiUnavailable: z.string().nullable().describe('why there is no roi'),
  executionStatus: z.string().nullable(),
  outcomeType: z.string().nullable(),
  hasOutcome: z.boolean(),
  transactionCount: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  totalTokens: z.int(),
});
const transactionSchema = z.object({
  transactionId: z.string(),
  kind: z.string(),
  timestamp: z.iso.datetime(),
  agent: z.string().nullable(),
  model: z.string(),
  provider: z.string(),
  duration: z.number().nullable().describe('milliseconds'),
  cost: z.number().nullable().describe('dollars; null where the price is unknown'),
  inputTokens: z.int(),
  outputTokens: z.int(),
  totalTokens: z.int(),
  status: z.enum(['SUCCESS', 'ERROR']),
});

/** Registers `{path}/{id}/roi` and `{path}/{id}/transactions`. */
export function installJobCosts(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  api.get(
    `${path}/:id/roi`,
    {
      config,
      schema: {
        summary: 'What a job cost and what it was worth',
        tags: ['jobs'],
        hide,
        params: jobParams,
        querystring: jobQuery,
        response: { 200: roiSchema, ...jobErrors },
      },
    },
    async (request) => {
      const costs = await store.jobCosts(teamOf(request), request.params.id);
      if (costs === undefined) throw unknownJob(request.params.id);
      return roiOf(costs);
    },
  );
  api.get(
    `${path}/:id/transactions`,
    {
      config,
      schema: {
        summary: 'The events of a job, newest first',
        tags: ['jobs'],
        hide,
        params: jobParams,
        querystring: z.object({ ...teamQuery, ...pageQuery, size: pageQuery.size.default(PAGE_SIZE_MAX) }),
        response: { 200: z.object({ transactions: z.array(transactionSchema), totalCount: z.int() }), ...jobErrors },
      },
    },
    async (request) => {
      const query = { page: request.query.page, size: boundedSize(request.query.size) };
      const found = await store.jobTransactions(teamOf(request), request.params.id, query);
      if (found === undefined) throw unknownJob(request.params.id);
      return { transactions: found.items.map(transactionOf), totalCount: found.totalElements };
    },
  );
}

function roiOf(costs: JobCosts): z.output<typeof roiSchema> {
  const { job, knownNanoUsd, unknownPrices } = costs;
  const { outcome } = job;
  const unavailable = whyNoRoi(costs);
  const value = outcome?.outcomeValue ?? null;
  const known = dollars(knownNanoUsd);
  return {
    agenticJobId: job.agenticJobId,
    agenticJobName: job.name,
    agenticJobType: job.type,
    totalCost: unknownPrices > 0 ? null : known,
    knownCost: known,
    unknownPriceCount: unknownPrices,
    outcomeValue: value === null ? null : Number(value),
    outcomeCurrency: outcome?.outcomeCurrency ?? null,
    roi: unavailable === null && value !== null ? ratio(value, knownNanoUsd) : null,
    roiUnavailable: unavailable,
    executionStatus: outcome?.executionStatus ?? null,
    outcomeType: outcome?.outcomeType ?? null,
    hasOutcome: outcome !== null,
    transactionCount: costs.transactions,
    inputTokens: costs.inputTokens,
    outputTokens: costs.outputTokens,
    totalTokens: costs.totalTokens,
  };
}

function whyNoRoi({ job: { outcome }, knownNanoUsd, unknownPrices }: JobCosts): string | null {
  if (outcome === null) return 'no outcome was reported yet';
  if (outcome.outcomeValue === null) return 'the outcome has no value';
  if ((outcome.outcomeCurrency ?? 'USD') !== 'USD') return 'the value is not in US dollars, and the cost is';
  if (unknownPrices > 0) return `the price of ${unknownPrices} events is unknown`;
  return knownNanoUsd === 0n ? 'the job cost nothing' : null;
}

function ratio(value: string, costNanoUsd: bigint): number {
  const gain = (parseScaled(value, NANO_DIGITS) ?? 0n) - costNanoUsd;
  return Number(gain) / Number(costNanoUsd);
}

function dollars(nanoUsd: bigint): number {
  return Number(formatScaled(nanoUsd, NANO_DIGITS));
}

function transactionOf(event: JobTransaction): z.output<typeof transactionSchema> {
  const { transactionId, kind, agent, model, provider, inputTokens, outputTokens, totalTokens } = event;
  return {
    transactionId,
    kind,
    timestamp: new Date(event.atMs).toISOString(),
    agent,
    model,
    provider,
    duration: event.durationMs,
    cost: event.amountNanoUsd === null ? null : dollars(event.amountNanoUsd),
    inputTokens,
    outputTokens,
    totalTokens,
    status: event.failed ? 'ERROR' : 'SUCCESS',
  };
}
