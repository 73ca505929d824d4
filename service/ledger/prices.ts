/** The prices that a team declared. A replaced one stays in the store, for the price entries that name it. */
import { keyOf } from '../pricing/price-book.js';
import { bigintOrNull, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { PriceOverride } from '../store/store.js';
import { type LedgerContext, readTeamState } from './context.js';

/** What a person declares. */
export type DeclaredPrice = Omit<PriceOverride, 'id' | 'teamId' | 'createdAtMs'>;

/** The prices that hold now, oldest first. */
export async function selectPrices(context: LedgerContext, teamId: string): Promise<readonly PriceOverride[]> {
  return (await context.sql.query('select-price-overrides', { teamId })).map(priceOf);
}

/** Declares a price for events from now on; it replaces one for the same provider and model. */
export async function setPrice(context: LedgerContext, teamId: string, price: DeclaredPrice): Promise<PriceOverride> {
  await readTeamState(context, teamId);
  const declared: PriceOverride = { ...price, id: context.newId(), teamId, createdAtMs: context.nowMs };
  const nameKey = keyOf(price.provider, price.model);
  await context.sql.query('replace-price-override', { teamId, nameKey, atMs: context.nowMs });
  await context.sql.query('insert-price-override', {
    id: declared.id,
    teamId,
    provider: price.provider,
    model: price.model,
    nameKey,
    kind: price.kind,
    inputPicoUsd: price.inputPicoUsd,
    outputPicoUsd: price.outputPicoUsd,
    cacheReadPicoUsd: price.cacheReadPicoUsd,
    cacheWritePicoUsd: price.cacheWritePicoUsd,
    requestPicoUsd: price.requestPicoUsd,
    createdAtMs: declared.createdAtMs,
  });
  await context.sql.query('move-prices-version', { id: teamId });
  return declared;
}

function priceOf(row: SqlRow): PriceOverride {
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    provider: textOrNull(row, 'provider'),
    model: textOf(row, 'model'),
    kind: textOf(row, 'kind') as PriceOverride['kind'],
    inputPicoUsd: bigintOrNull(row, 'input_pico_usd'),
    outputPicoUsd: bigintOrNull(row, 'output_pico_usd'),
    cacheReadPicoUsd: bigintOrNull(row, 'cache_read_pico_usd'),
    cacheWritePicoUsd: bigintOrNull(row, 'cache_write_pico_usd'),
    requestPicoUsd: bigintOrNull(row, 'request_pico_usd'),
    createdAtMs: numberOf(row, 'created_at_ms'),
  };
}
