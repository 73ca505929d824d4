/** A team's prices: what it declared itself, then the catalogue. */
import type { PriceOverride } from '../store/store.js';
import { type Catalogue, type CatalogueEntry, ratesAt } from './catalogue.js';
import {
  ANY_MODEL,
  type Candidate,
  candidatesOf,
  changeAfter,
  groupByKey,
  holdingAt,
  reachingBack,
} from './declared-prices.js';
import type { ModelPrice } from './price-event.js';
import { variantEnd } from './price-variants.js';
import { catalogueProviderOf } from './provider-names.js';

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
  /** Until when the price of that instant holds for certain; `Infinity`: nothing says that it ends. */
  holdsUntil(query: PriceQuery): number;
  /** Whether somebody declared a price for this very model, that holds then; one for every model is none. */
  isDeclared(query: PriceQuery): boolean;
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
  const plans = new Map<string, Plan>();
  let fresh: CatalogueUse[] = [];
  const planOf = (query: PriceQuery): Plan => {
    const { provider, modelSource = '', model, serviceTier = '' } = query;
    const key = `${provider}\n${modelSource}\n${model}\n${serviceTier}`;
    const known = plans.get(key);
    if (known !== undefined) return known;
    const plan = { candidates: candidatesOf(declared, query), listed: listedOf(query, catalogue, pins) };
    // Callers name models (I10).
    if (plans.size >= USES_MAX) plans.clear();
    plans.set(key, plan);
    return plan;
  };
  const note = ({ provider, model, entry }: Listed): void => {
    const key = useKey(provider, model);
    if (noted.size >= USES_MAX || noted.has(key)) return;
    noted.add(key);
    fresh.push({ provider, model: model.trim().toLowerCase(), entry });
  };
  const find = (query: PriceQuery, isUse: boolean): FoundPrice => {
    const { candidates, listed } = planOf(query);
    const holding = holdingAt(candidates, query.atMs);
    if (holding !== undefined) return holding;
    const price = listed === undefined ? UNKNOWN : listedPrice(listed, query.atMs);
    if (price.kind === 'unknown') return reachingBack(candidates, query.atMs) ?? UNKNOWN;
    if (isUse && listed !== undefined) note(listed);
    return price;
  };
  return {
    find: (query) => find(query, true),
    look: (query) => find(query, false),
    holdsUntil(query) {
      const { candidates, listed } = planOf(query);
      const listedEnd = listed === undefined ? Number.POSITIVE_INFINITY : variantEnd(listed.entry.variants, query.atMs);
      return Math.min(changeAfter(candidates, query.atMs), listedEnd);
    },
    isDeclared(query) {
      const model = holdingAt(planOf(query).candidates, query.atMs)?.override?.model;
      return model !== undefined && model !== ANY_MODEL;
    },
    takeUses() {
      const taken = fresh;
      fresh = [];
      return taken;
    },
  };
}

/** The name of a model in the catalogue as a team uses it. */
export function useKey(provider: string, model: string): string {
  return `${provider}\n${model.trim().toLowerCase()}`;
}

interface Listed extends CatalogueUse {
  readonly version: string;
  /** Of a model with one price. */
  readonly only: FoundPrice | undefined;
}
interface Plan {
  readonly candidates: readonly Candidate[];
  readonly listed: Listed | undefined;
}

/** The model's entry, or the one that the team keeps of an earlier catalogue. */
function listedOf(
  { provider, modelSource, model, serviceTier }: PriceQuery,
  catalogue: Catalogue,
  pins: ReadonlyMap<string, PinnedEntry>,
): Listed | undefined {
  const named = catalogueProviderOf(provider, modelSource);
  const listed = named === undefined ? undefined : tierModel(named, model, serviceTier);
  if (named === undefined || listed === undefined) return undefined;
  const pin = pins.get(useKey(named, listed));
  const entry = pin?.entry ?? catalogue.entry(named, listed);
  if (entry === undefined) return undefined;
  // Where a tier has a model of its own, its name says so; a likeness with the standard model is not enough.
  if (serviceTier !== undefined && !entry.name.toLowerCase().endsWith(`:${serviceTier}`)) return undefined;
  const version = pin?.version ?? catalogue.version;
  const only = entry.variants.length === 1 ? priceOfEntry(entry, version, 0) : undefined;
  return { provider: named, model: listed, entry, version, only };
}

function listedPrice({ entry, version, only }: Listed, atMs: number): FoundPrice {
  return only ?? priceOfEntry(entry, version, atMs);
}

function priceOfEntry(entry: CatalogueEntry, version: string, atMs: number): FoundPrice {
  const rates = ratesAt(entry, version, atMs);
  return rates === undefined ? UNKNOWN : { kind: 'rates', rates, entry: { name: entry.name, version } };
}

/** Only OpenRouter lists a tier as a model: `openai/gpt-6-sol:batch`. */
function tierModel(provider: string, model: string, serviceTier: string | undefined): string | undefined {
  if (serviceTier === undefined) return model;
  return provider === 'openrouter' ? `${model}:${serviceTier}` : undefined;
}
