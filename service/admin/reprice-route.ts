/** Passes that price events again, the prices that an event had, and how many events have none. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, invalidFields } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { formatScaled } from '../ledger/decimal.js';
import type { RepriceRun } from '../store/store.js';
import { declarerOf } from './price-answers.js';

const LIST = 'objectList';
/** Larger times stand for no end. */
const TIME_MAX_MS = 8_640_000_000_000_000;
const config = { access: 'write' as const };
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 409: errorSchema };

const instant = z.iso.datetime({ offset: true, error: 'must be a time like 2026-11-21T00:00:00Z' }).nullish();
const bodySchema = z.object(
  {
    teamId: z.string({ error: 'must be text' }).nullish(),
    reason: z
      .string({ error: ({ input }) => (input === undefined ? 'reason is required' : 'must be text') })
      .trim()
      .min(1, { error: 'reason is required' })
      .max(256, { error: 'must have at most 256 characters' })
      .describe('kept on every price entry that it writes'),
    scope: z
      .enum(['unknown', 'all'], { error: "must be 'unknown' or 'all'" })
      .nullish()
      .describe('events of unknown price, or all: then what is known and costs something else now is corrected'),
    from: instant.describe('the first instant, by which events are counted'),
    until: instant.describe('the first instant that is out'),
  },
  { error: 'the body must be a JSON object' },
);
const runSchema = z.object({
  id: z.string(),
  resourceType: z.literal('repricing'),
  teamId: z.string(),
  state: z.enum(['waiting', 'running', 'done']),
  scope: z.enum(['unknown', 'all']),
  reason: z.string(),
  askedBy: z.string().nullable(),
  from: z.iso.datetime().nullable(),
  until: z.iso.datetime().nullable(),
  reached: z.iso.datetime().nullable().describe('events up to this instant are done'),
  examined: z.int(),
  repriced: z.int(),
  unknown: z.int().describe('events that have no price still'),
  movedUsd: z.number().describe('what it added to the sum of all events'),
  created: z.iso.datetime(),
  finished: z.iso.datetime().nullable(),
});
const entrySchema = z.object({
  version: z.int(),
  amountUsd: z.number(),
  priceState: z.enum(['known', 'free', 'unknown']),
  reason: z.string(),
  rateSource: z.string(),
  created: z.iso.datetime(),
});

/** Registers `{path}/reprice` and `{path}/entries/{transactionId}`. */
export function installReprice(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['prices'], hide };
  const query = z.object(teamQuery);
  const lists = {
    querystring: z.object({ ...teamQuery, ...pageQuery }),
    response: { 200: envelopeSchema(LIST, runSchema), ...errors },
  };
  api.get(`${path}/reprice`, { config, schema: { ...common, summary: 'Repricings', ...lists } }, async (request) => {
    const { teamId, page: number, size } = request.query;
    const asked = { page: number, size: boundedSize(size) };
    const page = await store.listReprices(ownTeam(callerOf(request), [teamId]), asked);
    return envelope(LIST, page.items.map(showRun), page, asked);
  });
  const starts = { querystring: query, body: bodySchema, response: { 202: runSchema, ...errors } };
  api.post(
    `${path}/reprice`,
    { config, schema: { ...common, summary: 'Price events of a range again', ...starts } },
    async (request, reply) => {
      const caller = callerOf(request);
      const { body } = request;
      const teamId = ownTeam(caller, [body.teamId, request.query.teamId]);
      const run = await store.startReprice(teamId, { ...rangeOf(body), askedBy: declarerOf(caller) });
      if (run === undefined) throw new ApiError(409, 'too_many_repricings', 'too many repricings wait already');
      return reply.code(202).send(showRun(run));
    },
  );
  const entries = {
    params: z.object({ transactionId: z.string().max(512) }),
    querystring: query,
    response: { 200: envelopeSchema(LIST, entrySchema), ...errors, 404: errorSchema },
  };
  api.get(
    `${path}/entries/:transactionId`,
    { config, schema: { ...common, summary: 'Every price that an event had', ...entries } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const found = await store.listPriceEntries(teamId, request.params.transactionId);
      if (found.length === 0) throw new ApiError(404, 'not_found', 'there is no event with this transaction id');
      const rows = found.map(({ amountNanoUsd, createdAtMs, ...entry }) => ({
        ...entry,
        amountUsd: Number(formatScaled(amountNanoUsd, 9)),
        created: new Date(createdAtMs).toISOString(),
      }));
      return envelope(LIST, rows, { items: found, totalElements: found.length }, { page: 0, size: found.length });
    },
  );
}

function rangeOf({ reason, scope, from, until }: z.output<typeof bodySchema>) {
  const fromMs = from == null ? undefined : Date.parse(from);
  const untilMs = until == null ? undefined : Date.parse(until);
  if (fromMs !== undefined && untilMs !== undefined && untilMs <= fromMs) {
    throw invalidFields([{ field: 'until', problem: 'must be after from' }]);
  }
  return {
    reason,
    scope: scope ?? 'unknown',
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

function showRun(run: RepriceRun): z.output<typeof runSchema> {
  const { id, teamId, scope, reason, askedBy, examined, repriced, unknown, finishedAtMs } = run;
  return {
    id,
    resourceType: 'repricing',
    teamId,
    state: finishedAtMs !== null ? 'done' : examined > 0 ? 'running' : 'waiting',
    scope,
    reason,
    askedBy,
    from: run.fromMs === 0 ? null : timeOf(run.fromMs),
    until: run.untilMs > TIME_MAX_MS ? null : timeOf(run.untilMs),
    reached: examined === 0 ? null : timeOf(run.afterMs),
    examined,
    repriced,
    unknown,
    movedUsd: Number(formatScaled(run.movedNanoUsd, 9)),
    created: timeOf(run.createdAtMs),
    finished: finishedAtMs === null ? null : timeOf(finishedAtMs),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
