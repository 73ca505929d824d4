/** A price list against what holds: what it adds, changes, removes, and what somebody has to confirm. Pure. */
import type { DeclaredPrice, PriceOverride } from '../store/store.js';
import { keyOf } from './declared-prices.js';
import type { FoundPrice } from './price-book.js';
import { isHeldBack, movesBetween, type PriceLike, type RateMove } from './price-change.js';
import { encodeRates } from './rates-json.js';

/** One line of a price list, or of its difference. */
export interface ListedChange {
  /** `openai/gpt-4o`, `*` for any provider, `#batch` behind it for a tier, `@…` for a planned beginning. Unique in a list. */
  readonly key: string;
  readonly change: 'added' | 'changed' | 'removed' | 'unchanged';
  /** What is declared when it is accepted; for `removed` the price that goes. */
  readonly price: DeclaredPrice;
  /** What events cost until now: declared for the same, or wider, or the catalogue's. */
  readonly oldSource: string | null;
  readonly moves: readonly RateMove[];
  /** Ten times and more, in either direction, to or from nothing: applied only when it is confirmed by its key. */
  readonly heldBack: boolean;
  readonly applied: boolean;
}

/** Looks up what holds now where nothing is declared for the same: the prices of the models that the price would cover. */
export type HoldingLookup = (price: DeclaredPrice) => readonly FoundPrice[];

/** The key of a price in a list. */
export function listKeyOf({ provider, model, serviceTier, validFromMs }: DeclaredPrice): string {
  const tier = serviceTier === null ? '' : `#${serviceTier}`;
  const from = validFromMs === null ? '' : `@${new Date(validFromMs).toISOString()}`;
  return `${(provider ?? '*').trim().toLowerCase()}/${model.trim().toLowerCase()}${tier}${from}`;
}

/**
 * The difference that a list makes to what holds at `nowMs`. With `isWhole`, declared prices that it does not have are
 * removed; planned ones stay.
 */
export function differenceOf(
  list: readonly DeclaredPrice[],
  holding: readonly PriceOverride[],
  lookUp: HoldingLookup,
  isWhole: boolean,
): readonly ListedChange[] {
  const byName = new Map(holding.map((price) => [nameOf(price), price]));
  const named = new Set(list.map(nameOf));
  const changes = list.map((price) => changeOf(price, byName.get(nameOf(price)), lookUp));
  if (!isWhole) return changes;
  return [...changes, ...holding.filter((price) => !named.has(nameOf(price))).map((price) => removalOf(price))];
}

function changeOf(price: DeclaredPrice, declared: PriceOverride | undefined, lookUp: HoldingLookup): ListedChange {
  const after = likeDeclared(price);
  const key = listKeyOf(price);
  if (declared !== undefined) {
    const before = likeDeclared(declared);
    const moves = movesBetween(before, after);
    const isSame = isAlike(declared, price);
    const heldBack = !isSame && isHeldBack(before, after, moves);
    const change = isSame ? 'unchanged' : 'changed';
    return { key, change, price, oldSource: `override:${declared.id}`, moves, heldBack, applied: false };
  }
  const compared = lookUp(price).map((found) => {
    const before = likeFound(found);
    const moves = movesBetween(before, after);
    return { oldSource: sourceOf(found), moves, heldBack: isHeldBack(before, after, moves) };
  });
  // Of several models the one that moves far speaks for all.
  const nothing = { oldSource: null, moves: movesBetween({ kind: 'unknown' }, after), heldBack: false };
  const told = compared.find(({ heldBack }) => heldBack) ?? compared[0] ?? nothing;
  return { key, change: 'added', price, ...told, applied: false };
}

/** What holds afterwards may be anything, so a removal moves nothing that can be measured: it is confirmed. */
function removalOf(price: PriceOverride): ListedChange {
  const { provider, model, serviceTier, kind, rates } = price;
  const removed = { provider, model, serviceTier, kind, rates, validFromMs: null, validUntilMs: null };
  const moves = movesBetween(likeDeclared(price), { kind: 'unknown' });
  const key = listKeyOf(removed);
  const oldSource = `override:${price.id}`;
  return { key, change: 'removed', price: removed, oldSource, moves, heldBack: true, applied: false };
}

function nameOf({ provider, model, serviceTier }: DeclaredPrice): string {
  return keyOf(provider, model, serviceTier);
}

/** Prices that begin or end differ from what holds without an end, whatever their rates. */
function isAlike(one: DeclaredPrice, other: DeclaredPrice): boolean {
  if (one.kind !== other.kind || encodeRates(one.rates) !== encodeRates(other.rates)) return false;
  return other.validFromMs === null && one.validUntilMs === other.validUntilMs;
}

function likeDeclared({ kind, rates }: DeclaredPrice): PriceLike {
  if (kind === 'withdrawn') return { kind: 'unknown' };
  return kind === 'free' ? { kind } : { kind, rates };
}

function likeFound(found: FoundPrice): PriceLike {
  if (found.kind === 'unknown') return { kind: 'unknown' };
  return found.kind === 'free' ? { kind: 'free' } : { kind: 'rates', rates: found.rates };
}

function sourceOf(found: FoundPrice): string | null {
  if (found.kind === 'unknown') return null;
  return found.kind === 'free' ? found.source : found.rates.source;
}
