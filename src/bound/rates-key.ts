/** What of a bound its rates depend on: a {@link RateBound} holds for every bound with the same key. */
import type { CallBound } from './types.js';

/** Short, for maps. Large or small counts make no difference; whether there is anything to count does. */
export function ratesKeyOf(bound: CallBound): string {
  const { cacheWrites = 'long', hasSound = true, tiers, unbounded } = bound;
  const counted =
    (bound.inputTokensMax > 0 ? 1 : 0) +
    (bound.outputTokensMax > 0 ? 2 : 0) +
    (bound.images > 0 ? 4 : 0) +
    (bound.characters > 0 ? 8 : 0) +
    (bound.mediaSeconds > 0 ? 16 : 0);
  const flags = `${counted}${cacheWrites}${hasSound ? '+' : '-'}${unbounded === undefined ? '' : '!'}`;
  return tiers === undefined || tiers.length === 0 ? flags : `${flags}${JSON.stringify(tiers)}`;
}
