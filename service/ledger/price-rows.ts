/** Declared prices as rows and back. */
import { keyOf } from '../pricing/declared-prices.js';
import { flatRate, type RateName, type RateSheet } from '../pricing/rates.js';
import { decodeRates, encodeRates } from '../pricing/rates-json.js';
import { bigintOrNull, flagOf, numberOf, type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { PriceOverride } from '../store/store.js';

/** The columns that rows of before had for rates. */
const OLD_COLUMNS: readonly (readonly [RateName, string])[] = [
  ['input', 'input_pico_usd'],
  ['output', 'output_pico_usd'],
  ['cacheRead', 'cache_read_pico_usd'],
  ['cacheWrite', 'cache_write_pico_usd'],
  ['request', 'request_pico_usd'],
];

/** Reads a row. */
export function priceOf(row: SqlRow): PriceOverride {
  const rates = textOrNull(row, 'rates');
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    provider: textOrNull(row, 'provider'),
    model: textOf(row, 'model'),
    serviceTier: textOrNull(row, 'service_tier'),
    kind: flagOf(row, 'withdrawn') ? 'withdrawn' : (textOf(row, 'kind') as 'free' | 'rates'),
    rates: rates === null ? oldRates(row) : decodeRates(rates),
    validFromMs: timeOrNull(row, 'valid_from_ms'),
    validUntilMs: timeOrNull(row, 'valid_until_ms'),
    declaredBy: textOrNull(row, 'declared_by'),
    importId: textOrNull(row, 'import_id'),
    version: numberOf(row, 'version'),
    createdAtMs: numberOf(row, 'created_at_ms'),
  };
}

/** The parameters of `insert-price-override`. */
export function priceParams(price: PriceOverride): SqlParams {
  const { kind, rates, ...others } = price;
  return {
    ...others,
    nameKey: keyOf(price.provider, price.model, price.serviceTier),
    kind: kind === 'free' ? 'free' : 'rates',
    withdrawn: kind === 'withdrawn' ? 1 : 0,
    rates: encodeRates(rates),
  };
}

/** An integer column of milliseconds, `null` where it is null. */
export function timeOrNull(row: SqlRow, column: string): number | null {
  return row[column] == null ? null : numberOf(row, column);
}

function oldRates(row: SqlRow): RateSheet {
  const rates: Partial<Record<RateName, ReturnType<typeof flatRate>>> = {};
  for (const [name, column] of OLD_COLUMNS) {
    const picoUsd = bigintOrNull(row, column);
    if (picoUsd !== null) rates[name] = flatRate(picoUsd);
  }
  return rates;
}
