/** What a model costs, and where that comes from. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { normalTier } from '../pricing/billing-facts.js';
import type { FoundPrice } from '../pricing/price-book.js';
import { isFlat, type RateSheet } from '../pricing/rates.js';
import { shownPriceSchema, showPrice } from './price-body.js';
import {
  RATE_FIELDS,
  type RateFieldName,
  showLists,
  shownListsShape,
  shownRatesShape,
  showRates,
} from './price-fields.js';

const text = (field: string) =>
  z
    .string({ error: `${field} is required` })
    .trim()
    .min(1, { error: `${field} is required` })
    .max(256, { error: `${field} must have at most 256 characters` });
const query = z.object({
  ...teamQuery,
  provider: text('provider'),
  model: text('model'),
  modelSource: z.string().max(256).optional(),
  serviceTier: z.string().max(32).optional(),
  at: z.iso
    .datetime({ offset: true, error: 'at must be a time like 2026-11-21T00:00:00Z' })
    .optional()
    .describe('when the event happened; now where it is left out'),
});
const answerSchema = z.object({
  provider: z.string(),
  model: z.string(),
  serviceTier: z.string().nullable(),
  at: z.iso.datetime(),
  kind: z.enum(['free', 'rates', 'unknown']),
  source: z.string().nullable().describe('what price entries name'),
  sourceKind: z.enum(['override', 'catalogue', 'none']),
  ...shownRatesShape,
  ...shownListsShape,
  unknown: z.array(z.string()).describe('rates that are neither listed nor stood in for: such usage has no price'),
  override: shownPriceSchema.nullable(),
  catalogue: z
    .object({ entry: z.string(), version: z.string(), held: z.boolean().describe('a later version waits') })
    .nullable(),
  catalogueVersion: z.string().describe('the one that is installed'),
});

/** Registers `GET {path}/lookup`. */
export function installPriceLookup(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const response = { 200: answerSchema, 400: errorSchema, 401: errorSchema, 403: errorSchema };
  api.get(
    `${path}/lookup`,
    {
      config: { access: 'write' },
      schema: { tags: ['prices'], hide, summary: 'The price of a model', querystring: query, response },
    },
    async (request) => {
      const { provider, model, modelSource, at, teamId } = request.query;
      const serviceTier = normalTier(request.query.serviceTier);
      const atMs = at === undefined ? runtime.now() : Date.parse(at);
      const { found, catalogueVersion } = await store.findPrice(ownTeam(callerOf(request), [teamId]), {
        provider,
        model,
        atMs,
        ...(modelSource === undefined ? {} : { modelSource }),
        ...(serviceTier === undefined ? {} : { serviceTier }),
      });
      const asked = { provider, model, serviceTier: serviceTier ?? null, at: new Date(atMs).toISOString() };
      return { ...asked, ...shown(found, runtime.now(), catalogueVersion), catalogueVersion };
    },
  );
}

function shown(found: FoundPrice, nowMs: number, installed: string) {
  const rates: RateSheet = found.kind === 'rates' ? found.rates : {};
  const { override, entry } = found;
  return {
    kind: found.kind,
    source: found.kind === 'unknown' ? null : found.kind === 'free' ? found.source : found.rates.source,
    sourceKind: override !== undefined ? 'override' : entry !== undefined ? 'catalogue' : 'none',
    ...showRates(rates),
    ...showLists(rates),
    unknown: found.kind === 'free' ? [] : unknownRates(rates),
    override: override === undefined ? null : showPrice(override, nowMs),
    catalogue:
      entry === undefined ? null : { entry: entry.name, version: entry.version, held: entry.version !== installed },
  } as const;
}

/** By the names of the fields; flat fees alone cover everything. */
function unknownRates(rates: RateSheet): string[] {
  if (isFlat(rates)) return [];
  const stoodIn: ReadonlySet<string> = new Set([
    ...(rates.input === undefined ? [] : ['cacheRead', 'cacheWrite', 'inputAudio']),
    ...(rates.input === undefined || rates.cacheWrite1hUnknown === true ? [] : ['cacheWrite1h']),
    ...(rates.output === undefined ? [] : ['reasoning', 'outputAudio', 'outputImage']),
    ...(rates.images === undefined ? [] : ['image']),
    'request',
    'modelFee',
  ]);
  return (Object.keys(RATE_FIELDS) as RateFieldName[]).filter((field) => {
    const { rate, times } = RATE_FIELDS[field];
    return times === 1n && rates[rate] === undefined && !stoodIn.has(rate);
  });
}
