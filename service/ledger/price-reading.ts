/** What a model costs a team, with where the price comes from; and every price that an event had. */
import type { FoundPrice } from '../pricing/price-book.js';
import { bigintOf, numberOf, textOf } from '../store/sql.js';
import type { PriceEntry } from '../store/store.js';
import { type LedgerContext, readTeamState } from './context.js';
import { readPriceBook } from './team-copies.js';

/** A model at an instant. */
export interface PriceQuestion {
  readonly provider: string;
  readonly modelSource?: string;
  readonly model: string;
  readonly serviceTier?: string;
  readonly atMs: number;
}

/** The price of a model by which an event of that instant is priced now. @throws StoreError `UNKNOWN_TEAM` */
export async function findPrice(
  context: LedgerContext,
  teamId: string,
  question: PriceQuestion,
): Promise<{ readonly found: FoundPrice; readonly catalogueVersion: string }> {
  const state = await readTeamState(context, teamId);
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  return { found: book.look(question), catalogueVersion: context.catalogue.version };
}

/** The price entries of an event, oldest first; the last one is what it costs. Empty for an event that is not there. */
export async function listPriceEntries(
  context: LedgerContext,
  teamId: string,
  transactionId: string,
): Promise<readonly PriceEntry[]> {
  const rows = await context.sql.query('select-price-entries', { teamId, transactionId });
  return rows.map((row) => ({
    version: numberOf(row, 'version'),
    amountNanoUsd: bigintOf(row, 'amount_nano_usd'),
    priceState: textOf(row, 'price_state') as PriceEntry['priceState'],
    reason: textOf(row, 'reason'),
    rateSource: textOf(row, 'rate_source'),
    createdAtMs: numberOf(row, 'created_at_ms'),
  }));
}
