/** How far a price moves when another takes its place. Pure, in integers. */
import { formatScaled } from '../ledger/decimal.js';
import { constraintKey, type PriceVariant, variantAt } from './price-variants.js';
import { RATE_NAMES, type Rate, type RateSheet } from './rates.js';

/** A move of this many times or more, up or down, waits for somebody to confirm it. */
export const HELD_BACK_FROM = 10n;

/** What became of one rate. `oldPicoUsd` or `newPicoUsd` is `null` where there was none, or is none any more. */
export interface RateMove {
  readonly rate: string;
  readonly oldPicoUsd: bigint | null;
  readonly newPicoUsd: bigint | null;
  /** New by old as decimal text, six digits after the point; `null` where one of them is 0 or missing. */
  readonly ratio: string | null;
  /** Ten times or more, to or from nothing. */
  readonly isLarge: boolean;
}

/** What a price is: free costs nothing at all, unknown has no rates. */
export type PriceLike =
  | { readonly kind: 'free' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'rates'; readonly rates: RateSheet };

/** What is used where a rate is not there. */
const STANDS_IN: ReadonlyMap<string, string> = new Map([
  ['cacheRead', 'input'],
  ['cacheWrite', 'input'],
  ['cacheWrite1h', 'cacheWrite'],
  ['reasoning', 'output'],
  ['inputAudio', 'input'],
  ['inputImage', 'input'],
  ['outputAudio', 'output'],
  ['outputImage', 'output'],
]);

/**
 * The rates that differ. Tiers count as rates of their own, by their threshold. A rate that appears or goes is compared
 * with the one that stood or stands in for it; without such a one its appearance is not large, and its end is.
 */
export function movesBetween(older: PriceLike, newer: PriceLike): readonly RateMove[] {
  if (older.kind === 'free' || newer.kind === 'free') return freeMoves(older, newer);
  const before = older.kind === 'rates' ? partsOf(older.rates) : new Map<string, bigint>();
  const after = newer.kind === 'rates' ? partsOf(newer.rates) : new Map<string, bigint>();
  const moves: RateMove[] = [];
  for (const rate of new Set([...before.keys(), ...after.keys()])) {
    const [oldPicoUsd, newPicoUsd] = [effective(before, rate), effective(after, rate)];
    if (oldPicoUsd !== newPicoUsd) moves.push(moveOf(rate, oldPicoUsd, newPicoUsd));
  }
  return moves;
}

/** The same for models whose price depends on the day or the hour. */
export function movesBetweenVariants(
  older: readonly PriceVariant[],
  newer: readonly PriceVariant[],
  nowMs: number,
): readonly RateMove[] {
  const byConstraint = new Map(older.map(({ constraint, rates }) => [constraintKey(constraint), rates]));
  const now = variantAt(older, nowMs);
  const moves = newer.flatMap(({ constraint, rates }) => {
    const before = byConstraint.get(constraintKey(constraint)) ?? now;
    return movesBetween(before === undefined ? { kind: 'unknown' } : { kind: 'rates', rates: before }, {
      kind: 'rates',
      rates,
    });
  });
  if (newer.length > 0 || now === undefined) return moves;
  return movesBetween({ kind: 'rates', rates: now }, { kind: 'unknown' });
}

/** Whether somebody has to confirm a change: some rate moves far, or all of the price goes to or comes from nothing. */
export function isHeldBack(older: PriceLike, newer: PriceLike, moves: readonly RateMove[]): boolean {
  if (moves.some(({ isLarge }) => isLarge)) return true;
  // What had no price gets one: there is nothing to compare with.
  if (older.kind === 'unknown') return false;
  return newer.kind === 'unknown' || (older.kind === 'free') !== (newer.kind === 'free');
}

function freeMoves(older: PriceLike, newer: PriceLike): readonly RateMove[] {
  if (older.kind === newer.kind) return [];
  const other = older.kind === 'rates' ? older : newer.kind === 'rates' ? newer : undefined;
  if (other === undefined) return [];
  return [...partsOf(other.rates)].map(([rate, picoUsd]) =>
    older.kind === 'free' ? moveOf(rate, 0n, picoUsd) : moveOf(rate, picoUsd, 0n),
  );
}

function effective(parts: ReadonlyMap<string, bigint>, rate: string): bigint | null {
  const own = parts.get(rate);
  if (own !== undefined) return own;
  const base = rate.split(' ', 1)[0] ?? rate;
  const next = base === rate ? STANDS_IN.get(rate) : base;
  return next === undefined ? null : effective(parts, next);
}

function moveOf(rate: string, oldPicoUsd: bigint | null, newPicoUsd: bigint | null): RateMove {
  if (oldPicoUsd === null || newPicoUsd === null) {
    return { rate, oldPicoUsd, newPicoUsd, ratio: null, isLarge: newPicoUsd === null };
  }
  if (oldPicoUsd === 0n || newPicoUsd === 0n) return { rate, oldPicoUsd, newPicoUsd, ratio: null, isLarge: true };
  const isLarge = newPicoUsd >= oldPicoUsd * HELD_BACK_FROM || oldPicoUsd >= newPicoUsd * HELD_BACK_FROM;
  const ratio = formatScaled((newPicoUsd * 1_000_000n) / oldPicoUsd, 6);
  return { rate, oldPicoUsd, newPicoUsd, ratio, isLarge };
}

/** Every number of a price under a name of its own: `input`, `input above 200000`, `image hd 1024x1024`. */
function partsOf(rates: RateSheet): Map<string, bigint> {
  const parts = new Map<string, bigint>();
  const put = (name: string, rate: Rate): void => {
    parts.set(name, rate.basePicoUsd);
    for (const { aboveTokens, picoUsd } of rate.tiers) parts.set(`${name} above ${aboveTokens}`, picoUsd);
  };
  for (const name of RATE_NAMES) {
    const rate = rates[name];
    if (rate !== undefined) put(name, rate);
  }
  for (const { quality, resolution, picoUsd } of rates.images ?? []) {
    parts.set(['image', quality, resolution].filter((part) => part !== undefined).join(' '), picoUsd);
  }
  return parts;
}
