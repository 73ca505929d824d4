/** What of a bound its rates depend on: a {@link RateBound} holds for every bound with the same key. */
import type { CallBound } from './types.js';

/**
 * The same as {@link ratesKeyOf} as a number, for where a text takes too long: two bounds have the same one exactly where they
 * have the same key. `undefined`: it is billed by tiers, and has a text only.
 */
export function ratesNumberOf(bound: CallBound): number | undefined {
  const { cacheWrites = 'long', hasSound = true, tiers, unbounded } = bound;
  if (tiers !== undefined && tiers.length > 0) return undefined;
  const caches = cacheWrites === 'none' ? 0 : cacheWrites === 'short' ? 32 : 64;
  return countedIn(bound) + caches + (hasSound ? 128 : 0) + (unbounded === undefined ? 0 : 256);
}

/** Short, for maps. Large or small counts make no difference; whether there is anything to count does. */
export function ratesKeyOf(bound: CallBound): string {
  const { cacheWrites = 'long', hasSound = true, tiers, unbounded } = bound;
  const flags = `${countedIn(bound)}${cacheWrites}${hasSound ? '+' : '-'}${unbounded === undefined ? '' : '!'}`;
  return tiers === undefined || tiers.length === 0 ? flags : `${flags}${JSON.stringify(tiers)}`;
}

function countedIn(bound: CallBound): number {
  return (
    (bound.inputTokensMax > 0 ? 1 : 0) +
    (bound.outputTokensMax > 0 ? 2 : 0) +
    (bound.images > 0 ? 4 : 0) +
    (bound.characters > 0 ? 8 : 0) +
    (bound.mediaSeconds > 0 ? 16 : 0)
  );
}
