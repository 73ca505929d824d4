/** One page of a roster, put together from its parts. */
import type { AreaStore } from '../store/area-store.js';
import type { RosterBand, RosterRow } from './roster-reading.js';

/** How rows are sorted: by name upwards, all others downwards. */
export type RosterSort = 'PERCENT' | 'SPEND' | 'NAME' | 'LAST_EVENT';

/** Which page. */
export interface RosterQuery {
  readonly page: number;
  readonly size: number;
  readonly search: string | null;
  readonly band: RosterBand | null;
  readonly sort: RosterSort;
  /** What keys are called, where that is not themselves: few enough that all rows can be looked at. */
  readonly labels?: ReadonlyMap<string, string> | undefined;
}

/** A page, with counts over the whole roster. */
export interface RosterPage {
  readonly rows: readonly RosterRow[];
  readonly blockedCount: number;
  readonly warnedCount: number;
  readonly underCount: number;
}

const ALL = Number.MAX_SAFE_INTEGER;

type RosterReads = Pick<AreaStore, 'rosterPart' | 'rosterRecent'>;

/** Parts that look for the last events; groups beyond are sorted as if they had none (I10). */
const RECENT_PARTS_MAX = 100;

/** Reads a page. Within one rule every limit is the same: by share and by amount are one order. */
export async function readRoster(
  store: RosterReads,
  teamId: string,
  controlId: string,
  query: RosterQuery,
): Promise<RosterPage> {
  const { band, labels } = query;
  const byEvent = query.sort === 'LAST_EVENT';
  const byName = query.sort === 'NAME' && labels === undefined;
  const end = (query.page + 1) * query.size;
  // Neither whose event was last nor what a key is called is in the balances: every row is needed to be put in order.
  const size = byEvent || labels !== undefined ? ALL : end;
  const search = labels === undefined ? query.search : null;
  let rows: RosterRow[] = [];
  let [blocked, warned, total] = [0, 0, 0];
  let afterKey: string | undefined = '';
  while (afterKey !== undefined) {
    const part = await store.rosterPart(teamId, controlId, { afterKey, search, band, byName, size });
    rows = byName ? [...rows, ...part.rows].slice(0, size) : [...rows, ...part.rows];
    if (!byEvent && !byName) rows = rows.sort(byValue).slice(0, size);
    blocked += part.blocked;
    warned += part.warned;
    total += part.total;
    afterKey = part.nextKey;
  }
  if (labels !== undefined) rows = named(rows, labels, query);
  if (byEvent) rows = await sortByEvent(store, teamId, controlId, rows, end);
  return {
    rows: rows.slice(query.page * query.size, end),
    blockedCount: blocked,
    warnedCount: warned,
    underCount: total - blocked - warned,
  };
}

/** Rows whose names hold what is searched for, in the order of their names where that is asked for. */
function named(rows: readonly RosterRow[], labels: ReadonlyMap<string, string>, query: RosterQuery): RosterRow[] {
  const nameOf = ({ key }: RosterRow): string => labels.get(key) ?? key;
  const search = query.search?.toLowerCase() ?? '';
  const found = rows.filter((row) => nameOf(row).toLowerCase().includes(search));
  return query.sort === 'NAME' ? found.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) : found;
}

/** Looks back from the newest event until the rows of the page are known. */
async function sortByEvent(
  store: RosterReads,
  teamId: string,
  controlId: string,
  rows: readonly RosterRow[],
  end: number,
): Promise<RosterRow[]> {
  const waiting = new Map(rows.map((row) => [row.key, row]));
  const sorted: RosterRow[] = [];
  let cursor: { beforeMs: number; beforeId: string } | undefined = { beforeMs: Number.MAX_SAFE_INTEGER, beforeId: '' };
  for (let part = 0; part < RECENT_PARTS_MAX && cursor !== undefined && sorted.length < end; part += 1) {
    const recent: Awaited<ReturnType<RosterReads['rosterRecent']>> = await store.rosterRecent(
      teamId,
      controlId,
      cursor,
    );
    for (const { key, atMs } of recent.groups) {
      const row = waiting.get(key);
      if (row === undefined) continue;
      waiting.delete(key);
      sorted.push({ ...row, lastEventMs: atMs });
    }
    cursor = recent.next;
  }
  return [...sorted, ...[...waiting.values()].sort(byValue)];
}

function byValue(a: RosterRow, b: RosterRow): number {
  if (a.value !== b.value) return a.value > b.value ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
