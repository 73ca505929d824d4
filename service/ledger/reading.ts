/** Pages of what the ledger holds, newest first. */
import { bigintOf, flagOf, numberOf, type SqlParams, type SqlRow, type StatementName, textOf } from '../store/sql.js';
import type { EventConflict, Page, StoredEvent } from '../store/store.js';
import type { LedgerContext } from './context.js';
import type { EventKind } from './media-facts.js';

interface PageQuery {
  readonly page: number;
  readonly size: number;
}

/** Which events; what is absent does not narrow. Times are those that windows count by, both ends included. */
export interface EventQuery extends PageQuery {
  readonly transactionId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly kind?: EventKind | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly model?: string | undefined;
  /** An id, or an e-mail address in any case. */
  readonly subscriber?: string | undefined;
}

/** Stored events with their prices, through the index that the narrowest part of the query has. */
export function findEvents(context: LedgerContext, teamId: string, query: EventQuery): Promise<Page<StoredEvent>> {
  const { transactionId, traceId, kind, model = null, subscriber = null } = query;
  const fromMs = query.fromMs ?? 0;
  const toMs = query.toMs ?? Number.MAX_SAFE_INTEGER;
  const params = { teamId, fromMs, toMs, kind: kind ?? null, model, subscriber };
  const read = <T extends SqlParams>(statements: readonly [StatementName, StatementName], named?: T) =>
    readPage(context, statements, { ...params, ...named }, query, eventFromRow);
  if (transactionId !== undefined) return read(['list-named-events', 'count-named-events'], { transactionId });
  if (traceId !== undefined) return read(['list-traced-events', 'count-traced-events'], { traceId });
  if (kind === undefined || kind === 'completion') return read(['list-events', 'count-events']);
  return read(['list-media-events', 'count-media-events']);
}

/** One event, by its id or its transaction id. */
export async function getEvent(context: LedgerContext, teamId: string, name: string): Promise<StoredEvent | undefined> {
  const [row] = await context.sql.query('select-event', { teamId, name });
  return row === undefined ? undefined : eventFromRow(row);
}

/** The models and providers of the team's newest 10,000 events. */
export async function meteredNames(
  context: LedgerContext,
  teamId: string,
): Promise<readonly { readonly model: string; readonly provider: string }[]> {
  const rows = await context.sql.query('select-metered-names', { teamId });
  return rows.map((row) => ({ model: textOf(row, 'model'), provider: textOf(row, 'provider') }));
}

function eventFromRow(row: SqlRow): StoredEvent {
  return {
    id: textOf(row, 'id'),
    transactionId: textOf(row, 'transaction_id'),
    kind: textOf(row, 'kind') as EventKind,
    receivedAtMs: numberOf(row, 'received_at_ms'),
    windowTimeMs: numberOf(row, 'window_time_ms'),
    windowFlagged: flagOf(row, 'window_flagged'),
    body: bodyOf(row),
    priceState: textOf(row, 'price_state') as StoredEvent['priceState'],
    amountNanoUsd: bigintOf(row, 'amount_nano_usd'),
    rateSource: textOf(row, 'rate_source'),
  };
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

/** A page and the count of all, from two statements that take the same parameters; `order` is for the list alone. */
export async function readPage<T>(
  context: LedgerContext,
  [list, count]: readonly [StatementName, StatementName],
  params: SqlParams,
  query: { readonly page: number; readonly size: number },
  read: (row: SqlRow) => T,
  order: SqlParams = {},
): Promise<Page<T>> {
  const skip = query.page * query.size;
  const rows = await context.sql.query(list, { ...params, ...order, size: query.size, skip });
  const [total] = await context.sql.query(count, params);
  return { items: rows.map(read), totalElements: total === undefined ? 0 : numberOf(total, 'total') };
}

function bodyOf(row: SqlRow): Readonly<Record<string, unknown>> {
  return JSON.parse(textOf(row, 'body')) as Record<string, unknown>;
}
