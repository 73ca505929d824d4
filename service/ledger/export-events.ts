/** A team's events in the order of the time that windows count, page by page: whoever exports never holds them all. */
import { bigintOf, flagOf, numberOf, type SqlRow, textOf } from '../store/sql.js';
import type { LedgerContext } from './context.js';
import type { EventKind } from './media-facts.js';

/** Which events: from `fromMs` on, before `untilMs`, after the last one of the page before. */
export interface ExportPage {
  readonly untilMs: number;
  readonly afterMs: number;
  readonly afterId: string;
  /** @defaultValue 500 */
  readonly size?: number;
}

/** An event with the price that holds now. `body` is its JSON text as it is kept. */
export interface ExportedEvent {
  readonly id: string;
  readonly transactionId: string;
  readonly kind: EventKind;
  readonly receivedAtMs: number;
  readonly windowTimeMs: number;
  readonly windowFlagged: boolean;
  readonly body: string;
  readonly priceState: 'known' | 'free' | 'unknown';
  readonly priceVersion: number;
  readonly amountNanoUsd: bigint;
  readonly rateSource: string;
}

/** Larger bodies make a page of this many some megabytes at most. */
export const EXPORT_PAGE_SIZE = 500;

/** One page; fewer than `size` rows: there are no more. An event that is recorded meanwhile is in it, or is not. */
export async function exportEvents(
  context: LedgerContext,
  teamId: string,
  page: ExportPage,
): Promise<readonly ExportedEvent[]> {
  const { untilMs, afterMs, afterId, size = EXPORT_PAGE_SIZE } = page;
  const rows = await context.sql.query('export-events', { teamId, untilMs, afterMs, afterId, size });
  return rows.map(exportedFrom);
}

/** The row of an event as an export has it. */
export function exportedFrom(row: SqlRow): ExportedEvent {
  return {
    id: textOf(row, 'id'),
    transactionId: textOf(row, 'transaction_id'),
    kind: textOf(row, 'kind') as EventKind,
    receivedAtMs: numberOf(row, 'received_at_ms'),
    windowTimeMs: numberOf(row, 'window_time_ms'),
    windowFlagged: flagOf(row, 'window_flagged'),
    body: textOf(row, 'body'),
    priceState: textOf(row, 'price_state') as ExportedEvent['priceState'],
    priceVersion: numberOf(row, 'version'),
    amountNanoUsd: bigintOf(row, 'amount_nano_usd'),
    rateSource: textOf(row, 'rate_source'),
  };
}
