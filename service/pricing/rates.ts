/** What a model costs, in integers. */
import { parseScaled } from '../ledger/decimal.js';

/** One rate, in pico-dollars (10⁻¹²) a unit. With tiers, the whole context chooses one rate for all tokens. */
export interface Rate {
  readonly basePicoUsd: bigint;
  /** In ascending order of `aboveTokens`: the rate holds for a context of more tokens than that. */
  readonly tiers: readonly { readonly aboveTokens: bigint; readonly picoUsd: bigint }[];
}

/**
 * Each rate and its unit. `cacheWrite` is a cache of five minutes, or of a life that was not told. Sound and film are
 * kept by the hour, so that a rate by the second, by the minute or by the hour is an exact integer. `request` and
 * `modelFee` are flat fees of each request; both are due.
 */
export const RATE_NAMES = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'cacheWrite1h',
  'reasoning',
  'inputAudio',
  'outputAudio',
  'inputImage',
  'outputImage',
  'image',
  'audioHour',
  'videoHour',
  'character',
  'credit',
  'request',
  'modelFee',
] as const;

/** The name of a rate. */
export type RateName = (typeof RATE_NAMES)[number];

/** What one image costs where it has this quality and this resolution; one that is left out is any. */
export interface ImageRate {
  readonly quality?: string;
  readonly resolution?: string;
  readonly picoUsd: bigint;
}

/** The rates of one model without their origin. A rate that is not there is unknown, never 0 (I5). */
export interface RateSheet extends Readonly<Partial<Record<RateName, Rate>>> {
  /** Closer than the rate `image`. */
  readonly images?: readonly ImageRate[];
  /** Caches of an hour have a price of their own that is not listed: `cacheWrite` does not stand in for it. */
  readonly cacheWrite1hUnknown?: boolean;
  /** Sound that is shorter is billed as this long, in milliseconds. */
  readonly audioMinimumMs?: number;
}

/** The rates of one model. */
export interface Rates extends RateSheet {
  /** Where they come from, kept on the price entry: `catalogue:openai/gpt-4o-mini@0.1.8`, `override:…`. */
  readonly source: string;
}

/** Pico-dollars a token from dollars a million tokens; exact for up to six decimals, else rounded half up. */
export function picoPerTokenFromMillion(usd: number): bigint | undefined {
  return nonNegative(parseScaled(String(usd), 6));
}

/** Pico-dollars a request from dollars a thousand requests. */
export function picoPerRequestFromThousand(usd: number): bigint | undefined {
  return nonNegative(parseScaled(String(usd), 9));
}

/** Pico-dollars a unit from dollars a unit. */
export function picoFromUsd(usd: number): bigint | undefined {
  return nonNegative(parseScaled(String(usd), 12));
}

/** The flat fees of each request, whatever it consumes; a bound on a call holds them too. */
export function feesOf(rates: RateSheet): readonly Rate[] {
  return [rates.request, rates.modelFee].filter((fee) => fee !== undefined);
}

/** Flat fees and no other rate: what a request consumes costs nothing more. */
export function isFlat(rates: RateSheet): boolean {
  if (feesOf(rates).length === 0 || rates.images !== undefined) return false;
  return RATE_NAMES.every((name) => name === 'request' || name === 'modelFee' || rates[name] === undefined);
}

/** A rate without tiers. */
export function flatRate(picoUsd: bigint): Rate {
  return { basePicoUsd: picoUsd, tiers: [] };
}

/** The rate that holds for a context of `contextTokens`. */
export function rateFor(rate: Rate, contextTokens: bigint): bigint {
  let picoUsd = rate.basePicoUsd;
  for (const tier of rate.tiers) if (contextTokens > tier.aboveTokens) picoUsd = tier.picoUsd;
  return picoUsd;
}

/** The price of an image: of the rates that fit, the one that says most, quality before resolution. */
export function imageRateFor(
  rates: RateSheet,
  image: { readonly quality?: string | undefined; readonly resolution?: string | undefined },
): Rate | undefined {
  let best: { readonly said: number; readonly picoUsd: bigint } | undefined;
  for (const rate of rates.images ?? []) {
    if (!fits(rate.quality, image.quality) || !fits(rate.resolution, image.resolution)) continue;
    const said = (rate.quality === undefined ? 0 : 2) + (rate.resolution === undefined ? 0 : 1);
    if (best === undefined || said > best.said) best = { said, picoUsd: rate.picoUsd };
  }
  return best === undefined ? rates.image : flatRate(best.picoUsd);
}

function fits(asked: string | undefined, given: string | undefined): boolean {
  return asked === undefined || asked.toLowerCase() === given?.trim().toLowerCase();
}

function nonNegative(value: bigint | undefined): bigint | undefined {
  return value === undefined || value < 0n ? undefined : value;
}
