/** Price lists: what one would change, and its acceptance. Nothing changes before that. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, type FieldProblem, invalidFields } from '../http/api-error.js';
import { envelope, envelopeSchema, errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import { formatScaled } from '../ledger/decimal.js';
import type { AcceptResult } from '../ledger/price-imports.js';
import type { RateMove } from '../pricing/price-change.js';
import { listKeyOf } from '../pricing/price-list.js';
import type { DeclaredPrice, PriceImport } from '../store/store.js';
import { declarerOf, tooManyPrices } from './price-answers.js';
import { readListed, writtenPriceShape } from './price-body.js';
import { showLists, shownListsShape, shownRatesShape, showRates, wireRate } from './price-fields.js';

/** Prices in one list (I10). */
const ENTRIES_MAX = 2_000;
const LIST = 'objectList';
const { validFrom } = writtenPriceShape;

const listSchema = z.object(
  {
    teamId: z.string({ error: 'must be text' }).nullish(),
    name: z.string({ error: 'must be text' }).trim().max(128, { error: 'must have at most 128 characters' }).nullish(),
    whole: z
      .boolean({ error: 'must be true or false' })
      .nullish()
      .describe('declared prices that the list does not have are removed'),
    validFrom: validFrom.describe('for prices without a beginning of their own'),
    prices: z
      .array(z.object(writtenPriceShape, { error: 'must be a JSON object: a price' }), { error: 'must be a list' })
      .min(1, { error: 'must have at least one price' })
      .max(ENTRIES_MAX, { error: `must have at most ${ENTRIES_MAX} prices` }),
  },
  { error: 'the body must be a JSON object: a price list' },
);
const acceptSchema = z
  .object({
    teamId: z.string({ error: 'must be text' }).nullish(),
    confirm: z
      .array(z.string({ error: 'must be text' }).max(700), { error: 'must be a list of keys' })
      .max(ENTRIES_MAX)
      .nullish()
      .describe('keys of changes that are held back'),
  })
  .nullish();
/** A rate that moves, as differences show it. */
export const moveSchema = z.object({
  rate: z.string(),
  old: z.number().nullable(),
  new: z.number().nullable(),
  ratio: z.number().nullable(),
});
const changeSchema = z.object({
  key: z.string(),
  change: z.enum(['added', 'changed', 'removed', 'unchanged']),
  provider: z.string().nullable(),
  model: z.string(),
  serviceTier: z.string().nullable(),
  kind: z.enum(['free', 'rates', 'withdrawn']),
  ...shownRatesShape,
  ...shownListsShape,
  validFrom: z.iso.datetime().nullable(),
  validUntil: z.iso.datetime().nullable(),
  oldSource: z.string().nullable(),
  moves: z.array(moveSchema),
  heldBack: z.boolean(),
  applied: z.boolean(),
});
const importSchema = z.object({
  id: z.string(),
  resourceType: z.literal('priceImport'),
  teamId: z.string(),
  name: z.string(),
  state: z.enum(['draft', 'partly', 'accepted', 'expired']),
  counts: z.object({ added: z.int(), changed: z.int(), removed: z.int(), unchanged: z.int() }),
  heldBack: z.array(z.string()).describe('keys that an acceptance has to confirm'),
  changes: z.array(changeSchema),
  createdBy: z.string().nullable(),
  created: z.iso.datetime(),
  expires: z.iso.datetime(),
  accepted: z.iso.datetime().nullable(),
});
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema, 409: errorSchema };
const config = { access: 'write' as const };

/** Registers `{path}/imports`. */
export function installPriceImports(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  const { store, runtime } = context;
  const common = { tags: ['prices'], hide };
  const query = z.object(teamQuery);
  const params = z.object({ id: z.string().max(128) });
  const one = { 200: importSchema, ...errors };

  api.get(
    `${path}/imports`,
    {
      config,
      schema: {
        ...common,
        summary: 'Price lists',
        querystring: query,
        response: { 200: envelopeSchema(LIST, importSchema), ...errors },
      },
    },
    async (request) => {
      const lists = await store.listPriceImports(ownTeam(callerOf(request), [request.query.teamId]));
      const rows = lists.map((list) => showImport(list, runtime.now()));
      const page = { items: lists, totalElements: lists.length };
      return envelope(LIST, rows, page, { page: 0, size: Math.max(1, lists.length) });
    },
  );
  const drafts = { querystring: query, body: listSchema, response: { 201: importSchema, ...errors } };
  api.post(
    `${path}/imports`,
    { config, schema: { ...common, summary: 'Keep a price list as a draft and show its difference', ...drafts } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId]);
      const list = await store.draftPriceImport(teamId, { ...readList(request.body), createdBy: declarerOf(caller) });
      if (list === undefined) throw new ApiError(409, 'too_many_drafts', 'too many price lists wait to be accepted');
      return reply.code(201).send(showImport(list, runtime.now()));
    },
  );
  api.get(
    `${path}/imports/:id`,
    { config, schema: { ...common, summary: 'One price list', params, querystring: query, response: one } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const list = await store.getPriceImport(teamId, request.params.id);
      if (list === undefined) throw refusalOf({ outcome: 'unknown' });
      return showImport(list, runtime.now());
    },
  );
  const accepts = { params, querystring: query, body: acceptSchema, response: one };
  api.post(
    `${path}/imports/:id/accept`,
    { config, schema: { ...common, summary: 'Accept a price list, all at once', ...accepts } },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body?.teamId, request.query.teamId]);
      const confirm = request.body?.confirm ?? [];
      const accepted = { confirm, acceptedBy: declarerOf(caller), actor: keyActor(caller.key) };
      const result = await store.acceptPriceImport(teamId, request.params.id, accepted);
      if (result.outcome !== 'accepted') throw refusalOf(result, confirm);
      return showImport(result.list, runtime.now());
    },
  );
}

function readList(body: z.output<typeof listSchema>) {
  const problems: FieldProblem[] = [];
  const prices = body.prices.map((written, i): DeclaredPrice => {
    const from = written.validFrom ?? body.validFrom;
    return readListed({ ...written, validFrom: from }, problems, `prices.${i}.`);
  });
  const keys = new Map<string, number>();
  for (const [i, price] of prices.entries()) {
    const key = listKeyOf(price);
    const first = keys.get(key);
    if (first === undefined) keys.set(key, i);
    else problems.push({ field: `prices.${i}.model`, problem: `is listed already as prices.${first}` });
  }
  if (problems.length > 0) throw invalidFields(problems);
  return { name: body.name || 'price list', prices, isWhole: body.whole === true };
}

function refusalOf(result: Exclude<AcceptResult, { outcome: 'accepted' }>, confirm: readonly string[] = []): ApiError {
  switch (result.outcome) {
    case 'unknown':
      return new ApiError(404, 'not_found', 'there is no price list with this id');
    case 'expired':
      return new ApiError(409, 'expired', 'the price list was not accepted within a day; send it again');
    case 'done':
      return new ApiError(409, 'already_accepted', 'the price list is accepted already');
    case 'stale':
      return new ApiError(409, 'stale', 'prices were changed since this difference was made; send the list again');
    case 'full':
      return tooManyPrices();
    case 'not-held':
      return invalidFields(
        result.keys.map((key) => ({
          field: `confirm.${confirm.indexOf(key)}`,
          problem: `names nothing that is held back: '${key}'`,
        })),
      );
  }
}

function showImport(list: PriceImport, nowMs: number): z.output<typeof importSchema> {
  const { id, teamId, name, changes, createdBy, createdAtMs, expiresAtMs, acceptedAtMs } = list;
  const count = (change: string) => changes.filter((one) => one.change === change).length;
  return {
    id,
    resourceType: 'priceImport',
    teamId,
    name,
    state: list.state !== 'accepted' && expiresAtMs <= nowMs ? 'expired' : list.state,
    counts: {
      added: count('added'),
      changed: count('changed'),
      removed: count('removed'),
      unchanged: count('unchanged'),
    },
    heldBack: changes.filter(({ heldBack, applied }) => heldBack && !applied).map(({ key }) => key),
    changes: changes.map(({ price, moves, ...change }) => ({
      ...change,
      provider: price.provider,
      model: price.model,
      serviceTier: price.serviceTier,
      kind: price.kind,
      ...showRates(price.rates),
      ...showLists(price.rates),
      validFrom: timeOf(price.validFromMs),
      validUntil: timeOf(price.validUntilMs),
      moves: moves.map(showMove),
    })),
    createdBy,
    created: new Date(createdAtMs).toISOString(),
    expires: new Date(expiresAtMs).toISOString(),
    accepted: timeOf(acceptedAtMs),
  };
}

/** Shows a rate that moves, under its wire name and in its wire unit. */
export function showMove({ rate, oldPicoUsd, newPicoUsd, ratio }: RateMove): z.output<typeof moveSchema> {
  const { field, digits } = wireRate(rate);
  const number = (pico: bigint | null) => (pico === null ? null : Number(formatScaled(pico, digits)));
  return {
    rate: field,
    old: number(oldPicoUsd),
    new: number(newPicoUsd),
    ratio: ratio === null ? null : Number(ratio),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
