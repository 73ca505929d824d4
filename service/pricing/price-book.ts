/** A team's prices: what it declared itself, then the catalogue. */
import type { PriceOverride } from '../store/store.js';
import type { Catalogue } from './catalogue.js';
import type { ModelPrice } from './price-event.js';
import { catalogueProviderOf } from './provider-names.js';
import { flatRate, type Rates } from './rates.js';

/** As the model of an override: every model of its provider. */
export const ANY_MODEL = '*';

/** Answers what a model costs this team. */
export interface PriceBook {
  find(provider: string, modelSource: string | undefined, model: string, atMs: number): ModelPrice;
}

/**
 * A price book. Names compare without case. The closest declaration wins: model and provider, model of any provider,
 * any model of the provider, any model at all; of two for the same, the later one.
 */
export function createPriceBook(overrides: readonly PriceOverride[], catalogue: Catalogue): PriceBook {
  const byKey = new Map<string, PriceOverride>();
  for (const override of overrides) byKey.set(keyOf(override.provider, override.model), override);
  return {
    find(provider, modelSource, model, atMs) {
      const override =
        byKey.get(keyOf(provider, model)) ??
        byKey.get(keyOf(null, model)) ??
        byKey.get(keyOf(provider, ANY_MODEL)) ??
        byKey.get(keyOf(null, ANY_MODEL));
      if (override !== undefined) return declared(override);
      const catalogueProvider = catalogueProviderOf(provider, modelSource);
      const rates = catalogueProvider === undefined ? undefined : catalogue.find(catalogueProvider, model, atMs);
      return rates === undefined ? { kind: 'unknown' } : { kind: 'rates', rates };
    },
  };
}

/** The lower-cased name under which an override is found and replaced. */
export function keyOf(provider: string | null, model: string): string {
  return `${provider === null ? '' : provider.trim().toLowerCase()}\n${model.trim().toLowerCase()}`;
}

function declared(override: PriceOverride): ModelPrice {
  const source = `override:${override.id}`;
  if (override.kind === 'free') return { kind: 'free', source };
  // A price a request with no token rates is a flat price: the tokens cost nothing more.
  const flat = override.requestPicoUsd !== null && override.inputPicoUsd === null && override.outputPicoUsd === null;
  const rates: Rates = {
    source,
    ...rateNamed('input', flat ? 0n : override.inputPicoUsd),
    ...rateNamed('output', flat ? 0n : override.outputPicoUsd),
    ...rateNamed('cacheRead', override.cacheReadPicoUsd),
    ...rateNamed('cacheWrite', override.cacheWritePicoUsd),
    ...rateNamed('request', override.requestPicoUsd),
  };
  return { kind: 'rates', rates };
}

function rateNamed(name: Exclude<keyof Rates, 'source'>, picoUsd: bigint | null): Partial<Rates> {
  return picoUsd === null ? {} : { [name]: flatRate(picoUsd) };
}
