/** `GET …/customers/{ref}/usage`: what a customer used in a range, told apart by day, model, key, operation. */
import { z } from 'zod';
import { customerBy } from '../admin/customer-reference.js';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { formatScaled } from '../ledger/decimal.js';
import type { UsageDimension, UsageSums } from '../ledger/usage-report.js';
import type { Store } from '../store/store.js';
import { readUsage, type UsageRow } from './read-usage.js';
import { customerParams, showCustomer, shownCustomerSchema } from './shown-customer.js';
import { readRange } from './usage-range.js';

/** A report of many millions of events takes its time, slice by slice. */
const HANDLER_LIMIT_MS = 600_000;
const NANO_DIGITS = 9;
const DIMENSIONS: readonly UsageDimension[] = ['day', 'model', 'key', 'operation'];
const KEYS_PAGE = 500;
const KEY_PAGES_MAX = 20;

/** What names a range in a query. */
export const rangeQuery = {
  start: z.string().optional().describe('a date, or an instant; the first day of the month of the end'),
  end: z.string().optional().describe('a date is included, an instant is not; the end of the current month'),
  timeZone: z.string().optional().describe('IANA name; the days and months are those of it; UTC'),
};
const by = z
  .string()
  .optional()
  .transform((text, context): readonly UsageDimension[] => {
    const named = (text ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
    const wrong = named.find((name) => !DIMENSIONS.includes(name as UsageDimension));
    if (wrong !== undefined) {
      const message = `must name some of ${DIMENSIONS.join(', ')}, with commas between, not '${wrong}'`;
      context.addIssue({ code: 'custom', message });
    }
    return DIMENSIONS.filter((name) => named.includes(name));
  })
  .describe('some of day, model, key and operation, with commas between; nothing: the totals alone');

const sumsSchema = z.object({
  requests: z.int(),
  failed: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  cachedTokens: z.int(),
  costUsd: z.string().nullable().describe('exact decimal text; null where nothing of it is known'),
  unknownPrices: z.int().describe('events whose price is unknown: with some, costUsd is a lower bound'),
  estimated: z.int().describe('events whose usage is estimated'),
  unknownUsage: z.int().describe('events of which nobody knows what they used'),
});
const rowSchema = z.object({
  day: z.string().nullable(),
  model: z.string().nullable(),
  provider: z.string().nullable(),
  key: z.string().nullable(),
  keyLabel: z.string().nullable(),
  operation: z.string().nullable(),
  ...sumsSchema.shape,
});
const reportSchema = z.object({
  customer: shownCustomerSchema,
  start: z.iso.datetime(),
  end: z.iso.datetime().describe('the first instant that is not in it'),
  timeZone: z.string(),
  by: z.array(z.enum(['day', 'model', 'key', 'operation'])),
  totals: sumsSchema,
  rows: z.array(rowSchema),
});
/** The answer. */
export type UsageReport = z.output<typeof reportSchema>;
/** A row of it. */
export type UsageReportRow = z.output<typeof rowSchema>;
/** The sums of it, or of a row. */
export type UsageReportSums = z.output<typeof sumsSchema>;

/** Registers the route. It takes a write key: what somebody spends is theirs and the operator's to know. */
export function installUsage(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const { store, runtime } = context;
  const failures = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
  api.get(
    `${prefix}/customers/:ref/usage`,
    {
      config: { access: 'write' },
      handlerTimeout: HANDLER_LIMIT_MS,
      schema: {
        summary: 'What a customer used and what it cost, by the prices that hold now for each event',
        tags: ['customers'],
        hide: !described,
        params: customerParams,
        querystring: z.object({ ...teamQuery, ...rangeQuery, by }),
        response: { 200: reportSchema, ...failures },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const range = readRange(request.query, runtime.now());
      const customer = await customerBy(store, teamId, request.params.ref);
      const ask = { subscriberId: customer.id, range, by: request.query.by };
      const { totals, rows } = await readUsage(store, teamId, ask, () => !request.socket.destroyed);
      const labels = ask.by.includes('key') ? await keyLabels(store, teamId, customer.id) : new Map<string, string>();
      return {
        customer: showCustomer(customer),
        start: new Date(range.startMs).toISOString(),
        end: new Date(range.endMs).toISOString(),
        timeZone: range.timeZone,
        by: [...ask.by],
        totals: showSums(totals),
        rows: rows.map((row) => showRow(row, labels)),
      };
    },
  );
}

async function keyLabels(
  store: Pick<Store, 'listGatewayKeys'>,
  teamId: string,
  customerId: string,
): Promise<ReadonlyMap<string, string>> {
  const labels = new Map<string, string>();
  for (let page = 0; page < KEY_PAGES_MAX; page += 1) {
    const { items } = await store.listGatewayKeys(teamId, { customerId, page, size: KEYS_PAGE });
    for (const { id, label } of items) labels.set(id, label);
    if (items.length < KEYS_PAGE) break;
  }
  return labels;
}

function showRow(row: UsageRow, labels: ReadonlyMap<string, string>): UsageReportRow {
  const { day, model, provider, key, operation } = row;
  const keyLabel = (key === null ? undefined : labels.get(key)) ?? null;
  return { day, model, provider, key, keyLabel, operation, ...showSums(row) };
}

function showSums(sums: UsageSums): UsageReportSums {
  const { requests, failed, unknownPrices, estimated, unknownUsage, amountNanoUsd } = sums;
  const isUnknown = unknownPrices > 0 && amountNanoUsd === 0n;
  return {
    requests,
    failed,
    inputTokens: Number(sums.inputTokens),
    outputTokens: Number(sums.outputTokens),
    cachedTokens: Number(sums.cachedTokens),
    costUsd: isUnknown ? null : formatScaled(amountNanoUsd, NANO_DIGITS),
    unknownPrices,
    estimated,
    unknownUsage,
  };
}
