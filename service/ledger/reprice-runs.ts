/** Passes over events that price them again: asked for in one transaction, done in slices in later ones. */
import { bigintOf, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { Page, RepriceRun } from '../store/store.js';
import { type LedgerContext, readTeamState } from './context.js';
import { timeOrNull } from './price-rows.js';

/** What a pass is to do. */
export interface RepriceRequest {
  /** On the entries that it writes. */
  readonly reason: string;
  /** @defaultValue `unknown`: events whose price was unknown */
  readonly scope?: RepriceRun['scope'];
  /** The instants by which events are counted. @defaultValue all */
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly askedBy?: string | null;
}

/** Passes of a team that wait or run; more are refused (I10). */
export const OPEN_RUNS_MAX = 20;
/** Passes that are over are shown for so long. */
const KEPT_MS = 90 * 86_400_000;
const FOREVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * Asks for a pass; without a range only where there is something to price, and not where one waits already that has not
 * begun. Resolves to the pass, or `undefined` where none is needed. @throws StoreError `UNKNOWN_TEAM`
 */
export async function askReprice(
  context: LedgerContext,
  teamId: string,
  request: RepriceRequest,
): Promise<RepriceRun | undefined> {
  const [some] = await context.sql.query('has-unpriced-event', { teamId });
  if (some === undefined) return undefined;
  const waiting = (await openRuns(context, teamId)).find((run) => run.scope === 'unknown' && isWhole(run));
  return waiting ?? insertRun(context, teamId, request);
}

/** Asks for a pass over a range, whatever there is. `undefined`: too many are open. @throws StoreError `UNKNOWN_TEAM` */
export async function startReprice(
  context: LedgerContext,
  teamId: string,
  request: RepriceRequest,
): Promise<RepriceRun | undefined> {
  await readTeamState(context, teamId);
  if ((await openRuns(context, teamId)).length >= OPEN_RUNS_MAX) return undefined;
  return insertRun(context, teamId, request);
}

/** The passes of a team that are not over, the oldest first. */
export async function openRuns(context: LedgerContext, teamId: string): Promise<readonly RepriceRun[]> {
  return (await context.sql.query('select-open-reprice-runs', { teamId })).map(runOf);
}

/** Teams that have events to price again. */
export async function openReprices(context: LedgerContext): Promise<readonly string[]> {
  return (await context.sql.query('select-reprice-teams')).map((row) => textOf(row, 'id'));
}

/** Passes, the newest first; those that are over for up to 90 days. */
export async function listReprices(
  context: LedgerContext,
  teamId: string,
  query: { readonly page: number; readonly size: number },
): Promise<Page<RepriceRun>> {
  const { size } = query;
  const rows = await context.sql.query('list-reprice-runs', { teamId, size, skip: query.page * size });
  const [total] = await context.sql.query('count-reprice-runs', { teamId });
  return { items: rows.map(runOf), totalElements: total === undefined ? 0 : numberOf(total, 'total') };
}

/** Writes how far a pass has come. */
export async function putRun(context: LedgerContext, run: RepriceRun): Promise<void> {
  const { id, afterMs, afterId, examined, repriced, unknown, movedNanoUsd, finishedAtMs } = run;
  const params = { id, afterMs, afterId, examined, repriced, unknown, movedNanoUsd, finishedAtMs };
  await context.sql.query('update-reprice-run', params);
}

async function insertRun(context: LedgerContext, teamId: string, request: RepriceRequest): Promise<RepriceRun> {
  await context.sql.query('delete-reprice-runs', { teamId, beforeMs: context.nowMs - KEPT_MS });
  const { scope = 'unknown', reason, fromMs = 0, untilMs = FOREVER_MS, askedBy = null } = request;
  const run = { id: context.newId(), teamId, scope, reason, askedBy, fromMs, untilMs, createdAtMs: context.nowMs };
  await context.sql.query('insert-reprice-run', run);
  const begun = { afterMs: fromMs, afterId: '', examined: 0, repriced: 0, unknown: 0, movedNanoUsd: 0n };
  return { ...run, ...begun, finishedAtMs: null };
}

/** A pass over everything that has not met an event yet. */
function isWhole(run: RepriceRun): boolean {
  return run.fromMs === 0 && run.untilMs === FOREVER_MS && run.examined === 0;
}

function runOf(row: SqlRow): RepriceRun {
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    scope: textOf(row, 'scope') as RepriceRun['scope'],
    reason: textOf(row, 'reason'),
    askedBy: textOrNull(row, 'asked_by'),
    fromMs: numberOf(row, 'from_ms'),
    untilMs: numberOf(row, 'until_ms'),
    afterMs: numberOf(row, 'after_ms'),
    afterId: textOf(row, 'after_id'),
    examined: numberOf(row, 'examined'),
    repriced: numberOf(row, 'repriced'),
    unknown: numberOf(row, 'unknown'),
    movedNanoUsd: bigintOf(row, 'moved_nano_usd'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    finishedAtMs: timeOrNull(row, 'finished_at_ms'),
  };
}
