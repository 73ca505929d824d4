/** A team's prices: what it declared itself, then the catalogue. */
import type { PriceOverride } from '../store/store.js';
import { type Catalogue, type CatalogueEntry, ratesAt } from './catalogue.js';
import type { ModelPrice } from './price-event.js';
import { catalogueProviderOf } from './provider-names.js';

/** As the model of an override: every model of its provider. */
export const ANY_MODEL = '*';
/** As the service tier of an override: every tier. */
export const ANY_TIER = '*';

/** A price with where it comes from. */
export type FoundPrice = ModelPrice & {
  readonly override?: PriceOverride;
  /** An entry of the catalogue, as it was in `version`. */
  readonly entry?: { readonly name: string; readonly version: string };
};

/** What is asked for. `serviceTier`: `undefined` is the standard one. */
export interface PriceQuery {
  readonly provider: string;
  readonly modelSource?: string | undefined;
  readonly model: string;
  readonly serviceTier?: string | undefined;
  /** When the event happened, by which it is counted. */
  readonly atMs: number;
}

/** A model whose price came from the catalogue. */
export interface CatalogueUse {
  readonly provider: string;
  readonly model: string;
  readonly entry: CatalogueEntry;
}

/** Answers what a model costs this team. */
export interface PriceBook {
  find(query: PriceQuery): FoundPrice;
  /** The same for whoever only wants to know: the model is not noted as used. */
  look(query: PriceQuery): FoundPrice;
  /** Models that were priced from the catalogue since this was last asked, each once in the life of the book. */
  takeUses(): readonly CatalogueUse[];
}

/** An entry of an earlier catalogue that a team keeps until somebody confirms the later one. */
export interface PinnedEntry {
  readonly entry: CatalogueEntry;
  readonly version: string;
}

/** Models of the catalogue that a book notes; callers name them (I10). */
export const USES_MAX = 2_000;
const UNKNOWN: FoundPrice = { kind: 'unknown' };

/**
 * A price book. Names compare without case. The closest declaration wins: model and provider, model of any provider,
 * any model of the provider, any model at all; within these the event's own service tier before every tier. Of several
 * for the same the one that began last holds, of two that began together the one declared last; where it ends, the one
 * before holds again. Then the catalogue, for the standard tier. An event of before every price gets the first that was
 * declared without a beginning.
 */
export function createPriceBook(
  overrides: readonly PriceOverride[],
  catalogue: Catalogue,
  pins: ReadonlyMap<string, PinnedEntry> = new Map(),
): PriceBook {
  const declared = groupByKey(overrides);
  const noted = new Set<string>();
  let fresh: CatalogueUse[] = [];
  const note = (provider: string, model: string, entry: CatalogueEntry): void => {
    const key = useKey(provider, model);
    if (noted.size >= USES_MAX || noted.has(key)) return;
    noted.add(key);
    fresh.push({ provider, model: model.trim().toLowerCase(), entry });
  };
  const inCatalogue = (query: PriceQuery, isUse: boolean): FoundPrice => {
    const { provider, modelSource, model, serviceTier, atMs } = query;
    const named = catalogueProviderOf(provider, modelSource);
    const listed = named === undefined ? undefined : tierModel(named, model, serviceTier);
    if (named === undefined || listed === undefined) return UNKNOWN;
    const pin = pins.get(useKey(named, listed));
    const entry = pin?.entry ?? catalogue.entry(named, listed);
    // Where a tier has a model of its own, its name says so; a likeness with the standard model is not enough.
    if (entry === undefined || (listed !== model && !entry.name.toLowerCase().endsWith(`:${serviceTier}`)))
      return UNKNOWN;
    const version = pin?.version ?? catalogue.version;
    const rates = ratesAt(entry, version, atMs);
    if (rates === undefined) return UNKNOWN;
    if (isUse) note(named, listed, entry);
    return { kind: 'rates', rates, entry: { name: entry.name, version } };
  };
  const find = (query: PriceQuery, isUse: boolean): FoundPrice => {
    const holding = search(declared, query, priceAt);
    if (holding !== undefined) return holding;
    const listed = inCatalogue(query, isUse);
    return listed.kind === 'unknown' ? (search(declared, query, firstAfter) ?? UNKNOWN) : listed;
  };
  return {
    find: (query) => find(query, true),
    look: (query) => find(query, false),
    takeUses() {
      const taken = fresh;
      fresh = [];
      return taken;
    },
  };
}

/** The lower-cased name under which overrides for the same are found. */
export function keyOf(provider: string | null, model: string, serviceTier: string | null = null): string {
  const named = `${provider === null ? '' : provider.trim().toLowerCase()}\n${model.trim().toLowerCase()}`;
  return serviceTier === null ? named : `${named}\n${serviceTier}`;
}

/** The name of a model in the catalogue as a team uses it. */
export function useKey(provider: string, model: string): string {
  return `${provider}\n${model.trim().toLowerCase()}`;
}

/** When a price begins to hold. */
export function startOf(price: PriceOverride): number {
  return price.validFromMs ?? price.createdAtMs;
}

interface Declared {
  readonly price: PriceOverride;
  readonly startMs: number;
  readonly endMs: number;
  readonly found: FoundPrice;
}
type DeclaredByKey = ReadonlyMap<string, readonly Declared[]>;
type Pick = (prices: readonly Declared[], atMs: number) => Declared | undefined;

function groupByKey(overrides: readonly PriceOverride[]): DeclaredByKey {
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
  if (override.kind === 'withdrawn') return UNKNOWN;
  if (override.kind === 'free') return { kind: 'free', source, override };
  return { kind: 'rates', rates: { ...override.rates, source }, override };
}

function search(declared: DeclaredByKey, query: PriceQuery, pick: Pick): FoundPrice | undefined {
  if (declared.size === 0) return undefined;
  const { provider, model, serviceTier, atMs } = query;
  for (const key of [keyOf(provider, model), keyOf(null, model), keyOf(provider, ANY_MODEL), keyOf(null, ANY_MODEL)]) {
    const found =
      (serviceTier === undefined ? undefined : held(declared, `${key}\n${serviceTier}`, atMs, pick)) ??
      (serviceTier === undefined ? held(declared, key, atMs, pick) : undefined) ??
      held(declared, `${key}\n${ANY_TIER}`, atMs, pick);
    if (found !== undefined) return found;
    // What is free is free in every tier.
    const free = serviceTier === undefined ? undefined : held(declared, key, atMs, pick);
    if (free?.kind === 'free') return free;
  }
  return undefined;
}

/** `undefined` also where it was withdrawn: what is wider holds then. */
function held(declared: DeclaredByKey, key: string, atMs: number, pick: Pick): FoundPrice | undefined {
  const prices = declared.get(key);
  const found = prices === undefined ? undefined : pick(prices, atMs)?.found;
  return found === undefined || found.kind === 'unknown' ? undefined : found;
}

function priceAt(prices: readonly Declared[], atMs: number): Declared | undefined {
  for (let i = prices.length - 1; i >= 0; i -= 1) {
    const price = prices[i];
    if (price !== undefined && price.startMs <= atMs && atMs < price.endMs) return price;
  }
  return undefined;
}

/** The price that was declared first without a beginning: what came before it has it, where nothing else has a price. */
function firstAfter(prices: readonly Declared[], atMs: number): Declared | undefined {
  return prices.find(
    ({ price, startMs, endMs }) =>
      price.validFromMs === null && price.kind !== 'withdrawn' && atMs < startMs && atMs < endMs,
  );
}

/** Only OpenRouter lists a tier as a model: `openai/gpt-6-sol:batch`. */
function tierModel(provider: string, model: string, serviceTier: string | undefined): string | undefined {
  if (serviceTier === undefined) return model;
  return provider === 'openrouter' ? `${model}:${serviceTier}` : undefined;
}
