/** Where each provider counts the tokens that have a price of their own, so that none is priced twice. */
import type { TokenConvention } from 'fusewire/internal';

const ALL_INSIDE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' };
/** Input excludes cache tokens (contract 5.10); thinking is part of the output. */
const ANTHROPIC: TokenConvention = { cacheRead: 'outside', cacheWrite: 'outside', reasoning: 'inside' };
/** `thoughtsTokenCount` lies outside `candidatesTokenCount` (DESIGN section 9). */
const GOOGLE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' };
/** xAI counts reasoning outside completion tokens (DESIGN section 9). */
const XAI: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' };

/** By the catalogue's provider id; who is not listed counts as OpenAI does, whose shape most servers copy. */
const BY_PROVIDER: ReadonlyMap<string, TokenConvention> = new Map([
  ['anthropic', ANTHROPIC],
  ['aws', ANTHROPIC],
  ['google', GOOGLE],
  ['x-ai', XAI],
]);

/**
 * The convention of an event. What the sender says of itself (`attributes.cacheInside`, `attributes.reasoningInside`)
 * wins: an adapter knows its provider's API better than a name does.
 */
export function tokenConventionOf(
  catalogueProvider: string | undefined,
  declared: { readonly cacheInside?: boolean | undefined; readonly reasoningInside?: boolean | undefined },
): TokenConvention {
  const known = (catalogueProvider === undefined ? undefined : BY_PROVIDER.get(catalogueProvider)) ?? ALL_INSIDE;
  return {
    cacheRead: side(declared.cacheInside, known.cacheRead),
    cacheWrite: side(declared.cacheInside, known.cacheWrite),
    reasoning: side(declared.reasoningInside, known.reasoning),
  };
}

function side(inside: boolean | undefined, known: 'inside' | 'outside'): 'inside' | 'outside' {
  if (inside === undefined) return known;
  return inside ? 'inside' : 'outside';
}
