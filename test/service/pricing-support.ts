/** What the tests of prices share: declared prices in short. */
import { flatRate, type RateName, type RateSheet } from '../../service/pricing/rates.js';
import type { DeclaredPrice, PriceOverride } from '../../service/store/store.js';

/** Flat rates, in pico-dollars a unit. */
export function sheet(rates: Partial<Record<RateName, bigint>>): RateSheet {
  return Object.fromEntries(Object.entries(rates).map(([name, picoUsd]) => [name, flatRate(picoUsd)]));
}

/** A declared price; the default is for every model of every provider. */
export function declared(fields: Partial<DeclaredPrice> = {}, rates: Partial<Record<RateName, bigint>> = {}) {
  return {
    provider: null,
    model: '*',
    serviceTier: null,
    kind: 'rates' as const,
    rates: sheet(rates),
    validFromMs: null,
    validUntilMs: null,
    ...fields,
  } satisfies DeclaredPrice;
}

/** As it is kept. */
export function override(fields: Partial<PriceOverride>, rates: Partial<Record<RateName, bigint>> = {}): PriceOverride {
  const kept = { id: 'o1', teamId: 't', declaredBy: null, importId: null, version: 1, createdAtMs: 0 };
  return { ...declared({}, rates), ...kept, ...fields };
}
