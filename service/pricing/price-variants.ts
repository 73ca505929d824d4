/** Prices of one model that hold from a day on, or at certain hours: which of them holds at an instant. */

import type { RateSheet } from './rates.js';
import { decodeRates, encodeRates } from './rates-json.js';

/** When a price of the catalogue holds; hours are UTC, as milliseconds of the day, and may pass midnight. */
export type PriceConstraint =
  | { readonly kind: 'from'; readonly fromMs: number }
  | { readonly kind: 'hours'; readonly startMs: number; readonly endMs: number };

/** One of the prices of a model. */
export interface PriceVariant {
  readonly constraint?: PriceConstraint;
  readonly rates: RateSheet;
}

const DAY_MS = 86_400_000;

/** The last of `variants` whose constraint holds; the first where none does. `undefined` for no variants. */
export function variantAt(variants: readonly PriceVariant[], atMs: number): RateSheet | undefined {
  for (let i = variants.length - 1; i >= 0; i -= 1) {
    const variant = variants[i];
    if (variant !== undefined && holds(variant.constraint, atMs)) return variant.rates;
  }
  return variants[0]?.rates;
}

/** When another of `variants` may hold, after `atMs`; `Infinity`: never. */
export function variantEnd(variants: readonly PriceVariant[], atMs: number): number {
  let endMs = Number.POSITIVE_INFINITY;
  for (const { constraint } of variants) {
    if (constraint?.kind === 'from' && constraint.fromMs > atMs) endMs = Math.min(endMs, constraint.fromMs);
    if (constraint?.kind !== 'hours') continue;
    const midnightMs = Math.floor(atMs / DAY_MS) * DAY_MS;
    for (const timeMs of [constraint.startMs, constraint.endMs]) {
      const today = midnightMs + timeMs;
      endMs = Math.min(endMs, today > atMs ? today : today + DAY_MS);
    }
  }
  return endMs;
}

/** The text of variants: the same prices give the same text. */
export function encodeVariants(variants: readonly PriceVariant[]): string {
  return JSON.stringify(variants.map(({ constraint, rates }) => [constraint ?? null, encodeRates(rates)]));
}

/** The inverse of {@link encodeVariants}. */
export function decodeVariants(text: string): readonly PriceVariant[] {
  const plain = JSON.parse(text) as readonly (readonly [PriceConstraint | null, string])[];
  return plain.map(([constraint, rates]) => ({
    ...(constraint === null ? {} : { constraint }),
    rates: decodeRates(rates),
  }));
}

/** A name of a constraint, to find its like in another list. */
export function constraintKey(constraint: PriceConstraint | undefined): string {
  return JSON.stringify(constraint ?? null);
}

function holds(constraint: PriceConstraint | undefined, atMs: number): boolean {
  if (constraint === undefined) return true;
  if (constraint.kind === 'from') return atMs >= constraint.fromMs;
  const { startMs, endMs } = constraint;
  const timeMs = ((atMs % DAY_MS) + DAY_MS) % DAY_MS;
  return endMs < startMs ? timeMs >= startMs || timeMs < endMs : timeMs >= startMs && timeMs < endMs;
}
