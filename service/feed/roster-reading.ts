/** What the roster of a grouped control is made of (contract 2.4), read in parts: a part never holds up the writer long. */
import { type CompiledControl, groupOf, limitTextOf, valueText, verdictOf } from '../compile/compiled-control.js';
import { currentWindow } from '../compile/current-window.js';
import { covers } from '../compile/team-scope.js';
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import { countedFromRow } from '../ledger/counted-event.js';
import { readTeamScope } from '../ledger/team-copies.js';
import { bigintOf, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';

/** Groups that one part looks at. */
const PART_SIZE = 5_000;
/** Events that one part looks at. */
const EVENTS_SIZE = 1_000;
/** As SQL compares: no band is this one. */
const ANY_BAND = -1;
const BANDS = ['UNDER', 'WARNED', 'BLOCKED'] as const;

/** Where a group stands. */
export type RosterBand = (typeof BANDS)[number];

/** One group. Amounts as decimal text in the metric's own unit. */
export interface RosterRow {
  readonly key: string;
  readonly email: string | null;
  readonly spend: string;
  /** Exact, for sorting. */
  readonly value: bigint;
  readonly band: RosterBand;
  /** Of the event that moved it last; only where it was sorted by that. */
  readonly lastEventMs?: number;
}

/** What does not depend on the part. */
export interface RosterHead {
  readonly groupBy: string;
  readonly windowKey: string;
  readonly limit: string;
}

/** Which groups of a part are wanted. */
export interface RosterPartQuery {
  readonly afterKey: string;
  readonly band: RosterBand | null;
  readonly search: string | null;
  readonly byName: boolean;
  /** The first so many of the part, as they are sorted. */
  readonly size: number;
}

/** One part; counts are of all its groups. */
export interface RosterPart {
  readonly rows: readonly RosterRow[];
  readonly blocked: number;
  readonly warned: number;
  readonly total: number;
  readonly nextKey: string | undefined;
}

/** The grouped control that a roster is of; `undefined` where it is pooled, or not there or not enabled. */
export async function rosterHead(
  context: LedgerContext,
  teamId: string,
  controlId: string,
): Promise<RosterHead | undefined> {
  const compiled = await groupedControl(context, teamId, controlId);
  if (compiled === undefined) return undefined;
  const { key } = currentWindow(compiled.control, context.nowMs, context.cache.windows);
  return { groupBy: compiled.control.groupBy!, windowKey: key, limit: limitTextOf(compiled.control) };
}

/** The next part of the groups in the current window, in the order of their names. */
export async function rosterPart(
  context: LedgerContext,
  teamId: string,
  controlId: string,
  query: RosterPartQuery,
): Promise<RosterPart> {
  const compiled = await groupedControl(context, teamId, controlId);
  if (compiled === undefined) return { rows: [], blocked: 0, warned: 0, total: 0, nextKey: undefined };
  const { limit, warn, unknownFloor, control } = compiled;
  const windowStartMs = currentWindow(control, context.nowMs, context.cache.windows).balanceStartMs;
  const range = { controlId, windowStartMs, afterKey: query.afterKey };
  const [end] = await context.sql.query('select-feed-group-end', { ...range, skip: PART_SIZE - 1 });
  const endKey = end === undefined ? null : textOf(end, 'group_key');
  const limits = { limit, warn: warn ?? limit, unknownFloor };
  const rows = await context.sql.query('select-roster-rows', {
    ...range,
    ...limits,
    endKey,
    teamId,
    band: query.band === null ? ANY_BAND : BANDS.indexOf(query.band),
    search: query.search === null ? null : likePattern(query.search),
    byName: query.byName ? 1 : 0,
    size: query.size,
  });
  const [counts] = await context.sql.query('select-roster-counts', { ...range, ...limits, endKey });
  const count = (name: string): number => (counts === undefined ? 0 : numberOf(counts, name));
  return {
    rows: rows.map((row) => rosterRow(compiled, row)),
    blocked: count('blocked'),
    warned: count('warned'),
    total: count('total'),
    nextKey: endKey ?? undefined,
  };
}

/** Groups by the event that moved them last, newest first; `cursor` goes on behind an event. */
export async function rosterRecent(
  context: LedgerContext,
  teamId: string,
  controlId: string,
  cursor: { readonly beforeMs: number; readonly beforeId: string },
): Promise<{
  readonly groups: readonly { readonly key: string; readonly atMs: number }[];
  readonly next: { readonly beforeMs: number; readonly beforeId: string } | undefined;
}> {
  const compiled = await groupedControl(context, teamId, controlId);
  if (compiled === undefined) return { groups: [], next: undefined };
  const fromMs = currentWindow(compiled.control, context.nowMs, context.cache.windows).startMs;
  const asked = { teamId, fromMs, ...cursor, size: EVENTS_SIZE };
  const rows = await context.sql.query('select-recent-events', asked);
  const groups = new Map<string, number>();
  for (const event of rows.map(countedFromRow)) {
    const key = covers(compiled, event) ? groupOf(compiled.control, event) : undefined;
    if (key !== undefined && !groups.has(key)) groups.set(key, event.windowTimeMs);
  }
  const last = rows.length < EVENTS_SIZE ? undefined : rows.at(-1);
  return {
    groups: [...groups].map(([key, atMs]) => ({ key, atMs })),
    next: last && { beforeMs: numberOf(last, 'window_time_ms'), beforeId: textOf(last, 'id') },
  };
}

async function groupedControl(
  context: LedgerContext,
  teamId: string,
  controlId: string,
): Promise<CompiledControl | undefined> {
  const { controlsVersion } = await readTeamState(context, teamId);
  const compiled = (await readTeamScope(context, teamId, controlsVersion)).byId.get(controlId);
  return compiled?.control.groupBy == null ? undefined : compiled;
}

function rosterRow(compiled: CompiledControl, row: SqlRow): RosterRow {
  const key = textOf(row, 'group_key');
  const values = { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') };
  return {
    key,
    email: key.includes('@') ? key : textOrNull(row, 'email'),
    spend: valueText(compiled, values.value),
    value: values.value,
    band: BANDS[verdictOf(compiled, values)],
  };
}

/** Both databases lower ASCII letters only. */
function likePattern(search: string): string {
  const lowered = search.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `%${lowered.replace(/[\\%_]/g, '\\$&')}%`;
}
