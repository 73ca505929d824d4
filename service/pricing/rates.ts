/** What a model costs, in integers. */
import { parseScaled } from '../ledger/decimal.js';

/** One rate, in pico-dollars (10⁻¹²) a unit. With tiers, the whole context chooses one rate for all tokens. */
export interface Rate {
  readonly basePicoUsd: bigint;
  /** In ascending order of `aboveTokens`: the rate holds for a context of more tokens than that. */
  readonly tiers: readonly { readonly aboveTokens: bigint; readonly picoUsd: bigint }[];
}

/** The rates of one model. A rate that is not there is unknown, never 0 (I5). */
export interface Rates {
  readonly input?: Rate;
  readonly output?: Rate;
  readonly cacheRead?: Rate;
  readonly cacheWrite?: Rate;
  readonly cacheWrite1h?: Rate;
  readonly reasoning?: Rate;
  /** A fee for every request. */
  readonly request?: Rate;
  /** Where the rates come from, kept on the price entry: `catalogue:openai/gpt-4o-mini`, `override:…`. */
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

function nonNegative(value: bigint | undefined): bigint | undefined {
  return value === undefined || value < 0n ? undefined : value;
}
