/** The audit trail of keys: what was asked with them, what was refused. */
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { Page } from '../store/store.js';
import type { LedgerContext } from './context.js';

/** A request that changed something, or that was refused. */
export interface LoggedRequest {
  readonly id: string;
  readonly teamId: string;
  readonly keyId: string;
  readonly atMs: number;
  readonly requestId: string;
  readonly method: string;
  /** The pattern of the route, never the path: a path may hold an id of somebody. */
  readonly route: string;
  readonly status: number;
  /** The code of the error that was answered. */
  readonly code: string | null;
}

/** How often a key asked a route with one outcome within a minute. */
export interface RequestCount {
  readonly teamId: string;
  readonly keyId: string;
  readonly minuteMs: number;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly times: number;
}

/** Which requests to read; `untilMs` does not belong to the range. */
export interface RequestQuery {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly keyId?: string;
  /** @defaultValue 0: every status; 400: refused ones only */
  readonly statusFrom?: number;
  readonly page: number;
  readonly size: number;
}

/** Rows of a summary at most. */
const SUMMARY_MAX = 10_000;
/** Old rows that go at once. */
const PURGE_MAX = 5_000;

/** Keeps what was collected, in one transaction. */
export async function logRequests(
  context: LedgerContext,
  requests: readonly LoggedRequest[],
  counts: readonly RequestCount[],
): Promise<void> {
  const rows = requests.map((request) => ({ ...request }));
  if (rows.length > 0) await context.sql.many('insert-request', rows);
  if (counts.length > 0) {
    await context.sql.many(
      'add-request-count',
      counts.map((count) => ({ ...count })),
    );
  }
}

/** Single requests, newest first. */
export async function listRequests(
  context: LedgerContext,
  teamId: string,
  query: RequestQuery,
): Promise<Page<LoggedRequest>> {
  const params = {
    teamId,
    sinceMs: query.sinceMs,
    untilMs: query.untilMs,
    keyId: query.keyId ?? null,
    statusFrom: query.statusFrom ?? 0,
  };
  const range = { size: query.size, skip: query.page * query.size };
  const rows = await context.sql.query('list-requests', { ...params, ...range });
  const [total] = await context.sql.query('count-requests', params);
  return { items: rows.map((row) => requestOf(teamId, row)), totalElements: total ? numberOf(total, 'total') : 0 };
}

/** How often each key asked each route, over whole minutes. */
export async function sumRequests(
  context: LedgerContext,
  teamId: string,
  query: Pick<RequestQuery, 'sinceMs' | 'untilMs' | 'keyId'>,
): Promise<readonly Omit<RequestCount, 'teamId' | 'minuteMs'>[]> {
  const { sinceMs, untilMs, keyId = null } = query;
  const rows = await context.sql.query('sum-request-counts', { teamId, sinceMs, untilMs, keyId, size: SUMMARY_MAX });
  return rows.map((row) => ({
    keyId: textOf(row, 'key_id'),
    method: textOf(row, 'method'),
    route: textOf(row, 'route'),
    status: numberOf(row, 'status'),
    times: numberOf(row, 'times'),
  }));
}

/** Forgets what is older than `beforeMs`, a bounded number of rows at once. */
export async function purgeRequests(context: LedgerContext, beforeMs: number): Promise<void> {
  await context.sql.query('purge-requests', { beforeMs, size: PURGE_MAX });
  await context.sql.query('purge-request-counts', { beforeMs });
}

/** Writes a byte that nobody reads: resolves only where the store takes writes. */
export async function probeWrite(context: LedgerContext): Promise<void> {
  await context.sql.query('probe-write');
}

function requestOf(teamId: string, row: SqlRow): LoggedRequest {
  return {
    id: textOf(row, 'id'),
    teamId,
    keyId: textOf(row, 'key_id'),
    atMs: numberOf(row, 'at_ms'),
    requestId: textOf(row, 'request_id'),
    method: textOf(row, 'method'),
    route: textOf(row, 'route'),
    status: numberOf(row, 'status'),
    code: textOrNull(row, 'code'),
  };
}
