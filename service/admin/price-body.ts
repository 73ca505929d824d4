/** A declared price as it is written and as it is shown (an extension of Fusewire, I5). */
import { z } from 'zod';
import { type FieldProblem, invalidFields } from '../http/api-error.js';
import { normalTier } from '../pricing/billing-facts.js';
import { startOf } from '../pricing/declared-prices.js';
import type { DeclaredPrice, PriceOverride } from '../store/store.js';
import { ratesShape, readRates, showLists, shownListsShape, shownRatesShape, showRates } from './price-fields.js';

const name = z
  .string({ error: ({ input }) => (input === undefined ? 'model is required' : 'must be text') })
  .trim()
  .max(256, { error: 'must have at most 256 characters' });
const instant = z.iso.datetime({ offset: true, error: 'must be a time like 2026-11-21T00:00:00Z' }).nullish();

/** A price in a list. */
export const writtenPriceShape = {
  provider: name.nullish().describe('every provider where it is left out'),
  model: name.min(1, { error: 'model is required' }).describe('* is every model'),
  kind: z.enum(['free', 'rates'], { error: "must be 'free' or 'rates'" }),
  serviceTier: z
    .string({ error: 'must be text' })
    .trim()
    .max(32, { error: 'must have at most 32 characters' })
    .nullish()
    .describe('batch, flex, priority …; the standard tier where it is left out, * is every tier'),
  ...ratesShape,
  validFrom: instant.describe('from its declaration on where it is left out, and before for events without a price'),
  validUntil: instant.describe('the first instant at which it does not hold'),
};
/** What declares one price. */
export const writtenPriceSchema = z.object(
  { teamId: z.string({ error: 'must be text' }).nullish(), ...writtenPriceShape },
  { error: 'the body must be a JSON object: a price' },
);

/** A price as it is shown. */
export const shownPriceSchema = z.object({
  id: z.string(),
  resourceType: z.literal('price'),
  teamId: z.string(),
  provider: z.string().nullable(),
  model: z.string(),
  kind: z.enum(['free', 'rates', 'withdrawn']),
  serviceTier: z.string().nullable(),
  ...shownRatesShape,
  ...shownListsShape,
  state: z.enum(['current', 'planned', 'past']),
  validFrom: z.iso.datetime().describe('the declaration where none was named'),
  validUntil: z.iso.datetime().nullable(),
  reachesBack: z.boolean().describe('it also holds for earlier events that no other price covers'),
  declaredBy: z.string().nullable(),
  importId: z.string().nullable(),
  created: z.iso.datetime(),
});

type WrittenPrice = Omit<z.output<typeof writtenPriceSchema>, 'teamId'>;

/** Reads one price. @throws ApiError 400, which names every field that is wrong */
export function readPrice(written: WrittenPrice): DeclaredPrice {
  const problems: FieldProblem[] = [];
  const price = readListed(written, problems, '');
  if (problems.length > 0) throw invalidFields(problems);
  return price;
}

/** Reads one price of a list; what is wrong goes to `problems`, under `prefix`. */
export function readListed(written: WrittenPrice, problems: FieldProblem[], prefix: string): DeclaredPrice {
  const before = problems.length;
  const rates = readRates(written, problems, prefix);
  const fields = Object.entries(written).filter(([field, value]) => field in ratesShape && value != null);
  if (written.kind === 'free') {
    for (const [field] of fields)
      problems.push({ field: `${prefix}${field}`, problem: "has no place beside kind 'free'" });
  } else if (Object.keys(rates).length === 0 && problems.length === before) {
    problems.push({ field: `${prefix}inputPerMillion`, problem: "kind 'rates' needs at least one rate" });
  }
  const validFromMs = written.validFrom == null ? null : Date.parse(written.validFrom);
  const validUntilMs = written.validUntil == null ? null : Date.parse(written.validUntil);
  if (validFromMs !== null && validUntilMs !== null && validUntilMs <= validFromMs) {
    problems.push({ field: `${prefix}validUntil`, problem: 'must be after validFrom' });
  }
  const provider = written.provider ?? '';
  return {
    provider: provider === '' ? null : provider,
    model: written.model,
    serviceTier: normalTier(written.serviceTier) ?? null,
    kind: written.kind,
    rates: written.kind === 'free' ? {} : rates,
    validFromMs,
    validUntilMs,
  };
}

/** Shows a price. `holds`: nothing that is declared for the same stands over it. */
export function showPrice(price: PriceOverride, nowMs: number, holds = true): z.output<typeof shownPriceSchema> {
  const { id, teamId, provider, model, kind, serviceTier, rates, declaredBy, importId, validUntilMs } = price;
  const isOver = validUntilMs !== null && validUntilMs <= nowMs;
  const isPlanned = startOf(price) > nowMs;
  return {
    id,
    resourceType: 'price',
    teamId,
    provider,
    model,
    kind,
    serviceTier,
    ...showRates(rates),
    ...showLists(rates),
    state: isOver || (!isPlanned && !holds) ? 'past' : isPlanned ? 'planned' : 'current',
    validFrom: new Date(startOf(price)).toISOString(),
    validUntil: validUntilMs === null ? null : new Date(validUntilMs).toISOString(),
    reachesBack: price.validFromMs === null && kind !== 'withdrawn',
    declaredBy,
    importId,
    created: new Date(price.createdAtMs).toISOString(),
  };
}
