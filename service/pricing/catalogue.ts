/** The price catalogue: rates and model matching of `@pydantic/genai-prices`, without its float arithmetic. */
import { calcPrice, type ModelPrice } from '@pydantic/genai-prices';
import { picoPerRequestFromThousand, picoPerTokenFromMillion, type Rate, type Rates } from './rates.js';

/** Finds the rates of a model. `undefined` is unknown, never free. */
export interface Catalogue {
  /** `atMs` chooses among prices with a validity date or a time of day. */
  find(provider: string, model: string, atMs: number): Rates | undefined;
}

/** Models come from callers: what is remembered of them has a bound (I10). */
const REMEMBERED_MAX = 2_000;

/** The built-in catalogue. Remembers what it found, since matching a model walks the provider's list. */
export function createCatalogue(): Catalogue {
  const remembered = new Map<string, Rates | null>();
  return {
    find(provider, model, atMs) {
      const key = `${provider}\n${model}`;
      const known = remembered.get(key);
      if (known !== undefined) return known ?? undefined;
      const found = look(provider, model, atMs);
      if (found.lasting) {
        if (remembered.size >= REMEMBERED_MAX) remembered.clear();
        remembered.set(key, found.rates ?? null);
      }
      return found.rates;
    },
  };
}

function look(provider: string, model: string, atMs: number): { rates: Rates | undefined; lasting: boolean } {
  let match: ReturnType<typeof calcPrice>;
  try {
    // Without usage it only matches; we take the rates and compute with integers.
    match = calcPrice({}, model, { providerId: provider, timestamp: new Date(atMs) });
  } catch {
    return { rates: undefined, lasting: true };
  }
  if (match === null) return { rates: undefined, lasting: true };
  const source = `catalogue:${match.provider.id}/${match.model.id}`;
  return { rates: ratesOf(match.model_price, source), lasting: !Array.isArray(match.model.prices) };
}

/** `undefined` for a model that is listed without any rate that we can apply. */
function ratesOf(price: ModelPrice, source: string): Rates | undefined {
  const rates = {
    ...named('input', tokenRate(price['input_mtok'])),
    ...named('output', tokenRate(price['output_mtok'])),
    ...named('cacheRead', tokenRate(price['cache_read_mtok'])),
    ...named('cacheWrite', tokenRate(price['cache_write_mtok'])),
    ...named('cacheWrite1h', tokenRate(price['cache_write_1h_mtok'])),
    ...named('reasoning', tokenRate(price['output_reasoning_mtok'])),
    ...named('request', rate(price['requests_kcount'], picoPerRequestFromThousand)),
  };
  return Object.keys(rates).length === 0 ? undefined : { ...rates, source };
}

function named(name: Exclude<keyof Rates, 'source'>, value: Rate | undefined): { [key: string]: Rate } {
  return value === undefined ? {} : { [name]: value };
}

function tokenRate(value: ModelPrice[string]): Rate | undefined {
  return rate(value, picoPerTokenFromMillion);
}

function rate(value: ModelPrice[string], convert: (usd: number) => bigint | undefined): Rate | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') {
    const picoUsd = convert(value);
    return picoUsd === undefined ? undefined : { basePicoUsd: picoUsd, tiers: [] };
  }
  const basePicoUsd = convert(value.base);
  if (basePicoUsd === undefined) return undefined;
  const tiers: { aboveTokens: bigint; picoUsd: bigint }[] = [];
  for (const tier of [...value.tiers].sort((a, b) => a.start - b.start)) {
    const picoUsd = convert(tier.price);
    if (picoUsd === undefined) return undefined;
    tiers.push({ aboveTokens: BigInt(tier.start), picoUsd });
  }
  return { basePicoUsd, tiers };
}
