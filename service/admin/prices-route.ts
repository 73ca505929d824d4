/** Prices that a team declares: rates that beat the catalogue, or that a model is free (an extension of Fusewire, I5). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { type FieldProblem, invalidFields } from '../http/api-error.js';
import { envelope, envelopeSchema, errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { formatScaled, parseScaled } from '../ledger/decimal.js';
import type { PriceOverride } from '../store/store.js';
import { readAmount } from './amount.js';

const LIST = 'objectList';
/** Dollars a million tokens × 10⁶ are pico-dollars a token: six decimals are exact. */
const PER_MILLION_DIGITS = 6;
/** Dollars a request × 10¹². */
const PER_REQUEST_DIGITS = 12;

/** Each rate: its name on the wire, its name in the store, and its exact digits. */
const RATES = [
  ['inputPerMillion', 'inputPicoUsd', PER_MILLION_DIGITS],
  ['outputPerMillion', 'outputPicoUsd', PER_MILLION_DIGITS],
  ['cacheReadPerMillion', 'cacheReadPicoUsd', PER_MILLION_DIGITS],
  ['cacheWritePerMillion', 'cacheWritePicoUsd', PER_MILLION_DIGITS],
  ['perRequest', 'requestPicoUsd', PER_REQUEST_DIGITS],
] as const;

const usd = z.union([z.number(), z.string()], { error: 'must be a number' }).nullish();
const name = z
  .string({ error: ({ input }) => (input === undefined ? 'model is required' : 'must be text') })
  .trim()
  .max(256, { error: 'must have at most 256 characters' });
const bodySchema = z.object(
  {
    teamId: z.string({ error: 'must be text' }).nullish(),
    provider: name.nullish().describe('every provider where it is left out'),
    model: name.min(1, { error: 'model is required' }),
    kind: z.enum(['free', 'rates'], { error: "must be 'free' or 'rates'" }),
    inputPerMillion: usd.describe('dollars a million input tokens'),
    outputPerMillion: usd,
    cacheReadPerMillion: usd,
    cacheWritePerMillion: usd,
    perRequest: usd.describe('dollars a request'),
  },
  { error: 'the body must be a JSON object: a price' },
);
const rate = z.number().nullable();
const priceSchema = z.object({
  id: z.string(),
  resourceType: z.literal('price'),
  teamId: z.string(),
  provider: z.string().nullable(),
  model: z.string(),
  kind: z.enum(['free', 'rates']),
  inputPerMillion: rate,
  outputPerMillion: rate,
  cacheReadPerMillion: rate,
  cacheWritePerMillion: rate,
  perRequest: rate,
  created: z.iso.datetime(),
});

/** Registers `GET` and `POST {prefix}/fusewire/prices`. */
export function installPrices(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}/fusewire/prices`;
  const config = { access: 'write' as const };
  const common = { tags: ['prices'], hide: !described };
  const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema };
  const listed = { 200: envelopeSchema(LIST, priceSchema), ...errors };

  api.get(
    path,
    { config, schema: { ...common, summary: 'Declared prices', querystring: z.object(teamQuery), response: listed } },
    async (request) => {
      const prices = await store.listPrices(ownTeam(callerOf(request), [request.query.teamId]));
      const page = { items: prices, totalElements: prices.length };
      return envelope(LIST, prices.map(resourceOf), page, { page: 0, size: Math.max(1, prices.length) });
    },
  );
  api.post(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Declare rates for a model, or that it is free',
        querystring: z.object(teamQuery),
        body: bodySchema,
        response: { 201: priceSchema, ...errors },
      },
    },
    async (request, reply) => {
      const teamId = ownTeam(callerOf(request), [request.body.teamId, request.query.teamId]);
      const price = await store.setPrice(teamId, readPrice(request.body));
      return reply.code(201).send(resourceOf(price));
    },
  );
}

function readPrice(body: z.output<typeof bodySchema>): Omit<PriceOverride, 'id' | 'teamId' | 'createdAtMs'> {
  const problems: FieldProblem[] = [];
  const rates: Record<(typeof RATES)[number][1], bigint | null> = {
    inputPicoUsd: null,
    outputPicoUsd: null,
    cacheReadPicoUsd: null,
    cacheWritePicoUsd: null,
    requestPicoUsd: null,
  };
  for (const [wire, kept, digits] of RATES) {
    const value = body[wire];
    if (value === null || value === undefined) continue;
    const amount = readAmount(value, digits);
    if (!amount.ok) problems.push({ field: wire, problem: amount.problem });
    else if (body.kind === 'free') problems.push({ field: wire, problem: "has no place beside kind 'free'" });
    else rates[kept] = parseScaled(amount.text, digits) ?? null;
  }
  const hasRate = Object.values(rates).some((value) => value !== null);
  if (body.kind === 'rates' && !hasRate && problems.length === 0) {
    problems.push({ field: 'inputPerMillion', problem: "kind 'rates' needs at least one rate" });
  }
  if (problems.length > 0) throw invalidFields(problems);
  const provider = body.provider ?? '';
  return { provider: provider === '' ? null : provider, model: body.model, kind: body.kind, ...rates };
}

function resourceOf(price: PriceOverride): z.output<typeof priceSchema> {
  const number = (pico: bigint | null, digits: number) => (pico === null ? null : Number(formatScaled(pico, digits)));
  return {
    id: price.id,
    resourceType: 'price',
    teamId: price.teamId,
    provider: price.provider,
    model: price.model,
    kind: price.kind,
    inputPerMillion: number(price.inputPicoUsd, PER_MILLION_DIGITS),
    outputPerMillion: number(price.outputPicoUsd, PER_MILLION_DIGITS),
    cacheReadPerMillion: number(price.cacheReadPicoUsd, PER_MILLION_DIGITS),
    cacheWritePerMillion: number(price.cacheWritePicoUsd, PER_MILLION_DIGITS),
    perRequest: number(price.requestPicoUsd, PER_REQUEST_DIGITS),
    created: new Date(price.createdAtMs).toISOString(),
  };
}
