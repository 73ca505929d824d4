/** Declared prices, ready to be found: by name, in the order in which they begin. */
import { canonicalOllamaModel } from '../gateway/model-name.js';
import type { PriceOverride } from '../store/store.js';
import type { FoundPrice, PriceQuery } from './price-book.js';

/** As the model of an override: every model of its provider. */
export const ANY_MODEL = '*';
/** As the service tier of an override: every tier. */
export const ANY_TIER = '*';

/** The lower-cased name under which overrides for the same are found. All names of an Ollama model are one. */
export function keyOf(provider: string | null, model: string, serviceTier: string | null = null): string {
  const owner = provider === null ? '' : provider.trim().toLowerCase();
  const name = model.trim().toLowerCase();
  const named = `${owner}\n${owner === '' || owner === 'ollama' ? canonicalOllamaModel(name) : name}`;
  return serviceTier === null ? named : `${named}\n${serviceTier}`;
}

/** When a price begins to hold. */
export function startOf(price: PriceOverride): number {
  return price.validFromMs ?? price.createdAtMs;
}

/** A declared price with its range. */
export interface Declared {
  readonly price: PriceOverride;
  readonly startMs: number;
  readonly endMs: number;
  readonly found: FoundPrice;
}
/** By name, each list in the order in which its prices begin. */
export type DeclaredByKey = ReadonlyMap<string, readonly Declared[]>;

/** Prices of one name that may hold. */
export interface Candidate {
  readonly prices: readonly Declared[];
  /** Only a free one counts: they are of the standard tier, and another one is asked for. */
  readonly onlyFree: boolean;
}

type Pick = (prices: readonly Declared[], atMs: number) => Declared | undefined;

/** Sorts prices by name and beginning. */
export function groupByKey(overrides: readonly PriceOverride[]): DeclaredByKey {
  const byKey = new Map<string, Declared[]>();
  for (const price of overrides) {
    const key = keyOf(price.provider, price.model, price.serviceTier);
    const found = foundOf(price);
    const declared = { price, startMs: startOf(price), endMs: price.validUntilMs ?? Number.POSITIVE_INFINITY, found };
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [declared]);
    else known.push(declared);
  }
  for (const prices of byKey.values()) prices.sort(byStart);
  return byKey;
}

function byStart(a: Declared, b: Declared): number {
  return a.startMs - b.startMs || a.price.version - b.price.version || (a.price.id < b.price.id ? -1 : 1);
}

function foundOf(override: PriceOverride): FoundPrice {
  const source = `override:${override.id}`;
  if (override.kind === 'withdrawn') return { kind: 'unknown' };
  if (override.kind === 'free') return { kind: 'free', source, override };
  return { kind: 'rates', rates: { ...override.rates, source }, override };
}

/** What may hold for a model, the closest first. */
export function candidatesOf(
  declared: DeclaredByKey,
  { provider, model, serviceTier }: PriceQuery,
): readonly Candidate[] {
  const names = [keyOf(provider, model), keyOf(null, model), keyOf(provider, ANY_MODEL), keyOf(null, ANY_MODEL)];
  return names.flatMap((name) => {
    const keys: readonly (readonly [key: string, onlyFree: boolean])[] =
      serviceTier === undefined
        ? [
            [name, false],
            [`${name}\n${ANY_TIER}`, false],
          ]
        : [
            [`${name}\n${serviceTier}`, false],
            [`${name}\n${ANY_TIER}`, false],
            // What is free is free in every tier.
            [name, true],
          ];
    return keys.flatMap(([key, onlyFree]) => {
      const prices = declared.get(key);
      return prices === undefined ? [] : [{ prices, onlyFree }];
    });
  });
}

/** The closest price that holds at an instant. */
export function holdingAt(candidates: readonly Candidate[], atMs: number): FoundPrice | undefined {
  return search(candidates, atMs, priceAt);
}

/** When another of them may hold, after an instant; `Infinity`: never. */
export function changeAfter(candidates: readonly Candidate[], atMs: number): number {
  let endMs = Number.POSITIVE_INFINITY;
  for (const { prices } of candidates) {
    for (const price of prices) {
      if (price.startMs > atMs) endMs = Math.min(endMs, price.startMs);
      if (price.endMs > atMs) endMs = Math.min(endMs, price.endMs);
    }
  }
  return endMs;
}

/** The closest price that was declared without a beginning, later than the instant. */
export function reachingBack(candidates: readonly Candidate[], atMs: number): FoundPrice | undefined {
  return search(candidates, atMs, firstAfter);
}

/** A withdrawn price is none: what is wider holds then. */
function search(candidates: readonly Candidate[], atMs: number, pick: Pick): FoundPrice | undefined {
  for (const { prices, onlyFree } of candidates) {
    const found = pick(prices, atMs)?.found;
    if (found === undefined || found.kind === 'unknown' || (onlyFree && found.kind !== 'free')) continue;
    return found;
  }
  return undefined;
}

function priceAt(prices: readonly Declared[], atMs: number): Declared | undefined {
  for (let i = prices.length - 1; i >= 0; i -= 1) {
    const price = prices[i];
    if (price !== undefined && price.startMs <= atMs && atMs < price.endMs) return price;
  }
  return undefined;
}

function firstAfter(prices: readonly Declared[], atMs: number): Declared | undefined {
  return prices.find(
    ({ price, startMs, endMs }) =>
      price.validFromMs === null && price.kind !== 'withdrawn' && atMs < startMs && atMs < endMs,
  );
}
