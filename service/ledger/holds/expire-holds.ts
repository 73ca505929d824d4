/** Holds that were not renewed in time end, by the clock of whoever looks first: a sweep, or the next who takes. */
import type { TeamScope } from '../../compile/team-scope.js';
import { bigintOrNull, textOf } from '../../store/sql.js';
import { type LedgerContext, readTeamState } from '../context.js';
import { readTeamScope } from '../team-copies.js';
import { cellKeys, cellOf } from './cells.js';
import { chargePart, releasePart } from './end-parts.js';
import { type HeldHold, HoldBook, leftOf } from './hold-book.js';
import { onExpiryOf } from './hold-terms.js';

/** Holds that one transaction ends; more wait for the next. */
const EXPIRE_SIZE = 500;
/** Old holds that one transaction forgets. */
const PURGE_SIZE = 2_000;
/** Ended holds are kept for as long as events may name them: an event counts by its own time for 25 hours. */
const KEPT_MS = 48 * 3_600_000;

/** Where holds are due, and when the next will be. */
export interface DueHolds {
  readonly teams: readonly string[];
  /** `null`: there is no open hold. */
  readonly nextMs: number | null;
}

/** Teams of which holds have expired, or are old enough to be forgotten. */
export async function dueHolds(context: LedgerContext): Promise<DueHolds> {
  const { nowMs } = context;
  const due = await context.sql.query('select-due-hold-teams', { nowMs, endedBeforeMs: nowMs - KEPT_MS });
  const [next] = await context.sql.query('select-next-hold-expiry');
  const atMs = next === undefined ? null : bigintOrNull(next, 'at_ms');
  return { teams: due.map((row) => textOf(row, 'team_id')), nextMs: atMs === null ? null : Number(atMs) };
}

/**
 * Ends what is due of a team, and forgets what ended long ago: a bounded number of each, and safe to call by several at
 * once. Returns how many holds ended or were forgotten; 0: nothing is left to do. @throws StoreError `UNKNOWN_TEAM`
 */
export async function expireHolds(context: LedgerContext, teamId: string): Promise<number> {
  const { controlsVersion } = await readTeamState(context, teamId);
  const scope = await readTeamScope(context, teamId, controlsVersion);
  return (await expireDue(context, teamId, scope)) + (await forgetOld(context, teamId));
}

/** Ends what is due, before anybody looks at what is left. */
export async function expireDue(context: LedgerContext, teamId: string, scope: TeamScope): Promise<number> {
  const { nowMs } = context;
  const due = await context.sql.query('select-due-holds', { teamId, nowMs, size: EXPIRE_SIZE });
  if (due.length === 0) return 0;
  const holds = new HoldBook(context, teamId);
  await holds.load(due.map((row) => textOf(row, 'id')));
  await context.balances.load(keysOf(context, scope, holds));
  for (const hold of holds.values()) await expire(context, holds, scope, hold);
  await holds.keep();
  return due.length;
}

/** The balances that the open parts of holds move. */
export function keysOf(context: LedgerContext, scope: TeamScope, holds: HoldBook) {
  return [...holds.values()].flatMap(({ parts }) =>
    parts.flatMap((part) => {
      const compiled = part.state === 'open' ? scope.byId.get(part.controlId) : undefined;
      return compiled === undefined ? [] : cellKeys(context, cellOf(context, compiled, part));
    }),
  );
}

async function expire(context: LedgerContext, holds: HoldBook, scope: TeamScope, hold: HeldHold): Promise<void> {
  let hasLeft = false;
  for (const part of hold.parts) {
    if (part.state !== 'open') continue;
    const left = leftOf(part);
    const compiled = scope.byId.get(part.controlId);
    part.isChanged = true;
    if (left === 0n || compiled === undefined) {
      part.state = compiled === undefined ? 'withdrawn' : 'closed';
      continue;
    }
    hasLeft = true;
    if (onExpiryOf(compiled) === 'release') await releasePart(context, compiled, hold, part);
    else await chargePart(context, holds, compiled, hold, part);
  }
  hold.state = hasLeft ? 'expired' : 'closed';
  hold.endedAtMs = context.nowMs;
  hold.isChanged = true;
}

async function forgetOld(context: LedgerContext, teamId: string): Promise<number> {
  const endedBeforeMs = context.nowMs - KEPT_MS;
  const old = await context.sql.query('select-old-holds', { teamId, endedBeforeMs, size: PURGE_SIZE });
  const sets = old.map((row) => ({ teamId, id: textOf(row, 'id') }));
  await context.sql.many('purge-hold-charges', sets);
  await context.sql.many('purge-hold-parts', sets);
  await context.sql.many('purge-hold', sets);
  return old.length;
}
