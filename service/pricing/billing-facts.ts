/** What an event says of how it was billed: its service tier, a multiplier, what makes its tokens dearer. Pure. */
import { parseScaled } from '../ledger/decimal.js';

/** See contract 5.3. */
export interface BillingFacts {
  /** In lower case; `undefined` is the standard tier, whose rates price lists show. */
  readonly serviceTier: string | undefined;
  /** On the computed price, in thousand-millionths; `null`: it was given and makes no sense. */
  readonly multiplierNano: bigint | null | undefined;
  /** Images were part of the input. */
  readonly hasVision: boolean;
  /** How many of the input's tokens were images (`attributes.inputImageTokens`); `undefined` where nobody said it. */
  readonly inputImageTokens: number | undefined;
  /** Sound among the tokens of any event, not only of one that is about sound. */
  readonly inputAudioTokens: number;
  readonly outputAudioTokens: number;
}

/** A factor of more than that is a mistake. */
export const MULTIPLIER_MAX = 1_000n;
/** Digits after the point that a multiplier keeps. */
export const MULTIPLIER_DIGITS = 9;

/** Names under which providers answer and callers ask for what everybody pays. */
const STANDARD: ReadonlySet<string> = new Set([
  'auto',
  'default',
  'standard',
  'standard_only',
  'on_demand',
  'ondemand',
]);

/**
 * Reads them. What the provider says it served wins over BATCH, and that over what was asked for: who asked for a tier
 * and is not told otherwise got it. Anthropic's fast mode is a tier too, by the name `fast`.
 */
export function billingFactsOf(body: Readonly<Record<string, unknown>>): BillingFacts {
  const batch = body['pricingTier'] === 'BATCH' ? 'batch' : undefined;
  const speed = body['speed'] === 'fast' ? 'fast' : undefined;
  const actual = name(body['actualServiceTier']);
  const isStandard = actual !== undefined && STANDARD.has(actual);
  const tier = isStandard ? (batch ?? speed) : (actual ?? batch ?? name(body['requestedServiceTier']) ?? speed);
  return {
    serviceTier: normalTier(tier),
    multiplierNano: multiplierOf(body['costMultiplier']),
    hasVision: body['hasVisionContent'] === true,
    inputImageTokens: countOf(fieldOf(body['attributes'], 'inputImageTokens')),
    inputAudioTokens: countOf(body['inputAudioTokenCount']) ?? 0,
    outputAudioTokens: countOf(body['outputAudioTokenCount']) ?? 0,
  };
}

/** The name of a tier as events are matched by it; `undefined` for the standard one. */
export function normalTier(tier: string | null | undefined): string | undefined {
  const lower = name(tier);
  return lower === undefined || STANDARD.has(lower) ? undefined : lower;
}

function fieldOf(value: unknown, field: string): unknown {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[field] : undefined;
}

/** A count above this is nonsense, and is cut as every count of an event. */
const COUNT_MAX = 1_000_000_000_000;

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? Math.min(Math.floor(value), COUNT_MAX) : undefined;
}

function name(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const lower = value.trim().toLowerCase();
  return lower === '' ? undefined : lower;
}

function multiplierOf(value: unknown): bigint | null | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') return null;
  const factor = parseScaled(String(value), MULTIPLIER_DIGITS);
  if (factor === undefined || factor < 0n) return null;
  return factor > MULTIPLIER_MAX * 10n ** BigInt(MULTIPLIER_DIGITS) ? null : factor;
}
