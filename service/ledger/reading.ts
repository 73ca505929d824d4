/** Pages of what the ledger holds, newest first. */
import {
  bigintOf,
  flagOf,
  numberOf,
  type SqlParams,
  type SqlRow,
  type StatementName,
  textOf,
} from '../store/sql.js';
import type { EventConflict, Page, StoredEvent } from '../store/store.js';
import type { LedgerContext } from './context.js';

interface PageQuery {
  readonly page: number;
  readonly size: number;
}

/** Stored events with their prices. */
export function findEvents(
  context: LedgerContext,
  teamId: string,
  query: PageQuery & { readonly transactionId?: string },
): Promise<Page<StoredEvent>> {
  const params = { teamId, transactionId: query.transactionId ?? null };
  return readPage(context, ['list-events', 'count-events'], params, query, (row) => ({
    id: textOf(row, 'id'),
    transactionId: textOf(row, 'transaction_id'),
    receivedAtMs: numberOf(row, 'received_at_ms'),
    windowTimeMs: numberOf(row, 'window_time_ms'),
    windowFlagged: flagOf(row, 'window_flagged'),
    body: bodyOf(row),
    priceState: textOf(row, 'price_state') as StoredEvent['priceState'],
    amountNanoUsd: bigintOf(row, 'amount_nano_usd'),
    rateSource: textOf(row, 'rate_source'),
  }));
}

/** Events that disagree with a stored one. */
export function listConflicts(context: LedgerContext, teamId: string, query: PageQuery): Promise<Page<EventConflict>> {
  return readPage(context, ['list-conflicts', 'count-conflicts'], { teamId }, query, (row) => ({
    id: textOf(row, 'id'),
    eventId: textOf(row, 'event_id'),
    transactionId: textOf(row, 'transaction_id'),
    receivedAtMs: numberOf(row, 'received_at_ms'),
    times: numberOf(row, 'times'),
    body: bodyOf(row),
  }));
}

/** A page and the count of all, from two statements that take the same parameters. */
export async function readPage<T>(
  context: LedgerContext,
  [list, count]: readonly [StatementName, StatementName],
  params: SqlParams,
  query: { readonly page: number; readonly size: number },
  read: (row: SqlRow) => T,
): Promise<Page<T>> {
  const skip = query.page * query.size;
  const rows = await context.sql.query(list, { ...params, size: query.size, skip });
  const [total] = await context.sql.query(count, params);
  return { items: rows.map(read), totalElements: total === undefined ? 0 : numberOf(total, 'total') };
}

function bodyOf(row: SqlRow): Readonly<Record<string, unknown>> {
  return JSON.parse(textOf(row, 'body')) as Record<string, unknown>;
}
