/** The operators' bypass of a team: while it is on, no call is refused (DESIGN section 6). It ends by itself. */
import { noteFeedChange, TEAM } from '../compile/feed-changes.js';
import { numberOf, type SqlRow, textOf } from '../store/sql.js';
import { type AuditActor, actorText, noteAudit, SERVICE_ACTOR } from './audit.js';
import { type LedgerContext, moveRevision, readTeamState } from './context.js';

/** A bypass that is on. Times in milliseconds; `by` names who switched it on, in words. */
export interface Bypass {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly reason: string;
  readonly by: string;
}

/** Bypasses that are ended at a time; the rest is for the next (I10). */
const ENDED_AT_ONCE = 100;

/**
 * The bypass of a team that is on at `context.nowMs`, or `undefined`. A feed that carries it is out of date at its
 * `untilMs`, although the revision moves only a moment later.
 */
export async function selectBypass(context: LedgerContext, teamId: string): Promise<Bypass | undefined> {
  const [row] = await context.sql.query('select-bypass', { teamId });
  if (row === undefined) return undefined;
  const bypass = bypassOf(row);
  return bypass.untilMs > context.nowMs ? bypass : undefined;
}

/**
 * Switches the bypass of a team on, or changes it; the revision moves, so that every process hears of it. One that is on
 * already keeps its beginning. @throws StoreError `UNKNOWN_TEAM`
 */
export async function setBypass(
  context: LedgerContext,
  teamId: string,
  asked: { readonly untilMs: number; readonly reason: string },
  actor: AuditActor,
): Promise<Bypass> {
  await readTeamState(context, teamId);
  const before = await selectBypass(context, teamId);
  const bypass: Bypass = {
    sinceMs: before?.sinceMs ?? context.nowMs,
    untilMs: asked.untilMs,
    reason: asked.reason,
    by: actorText(actor),
  };
  const { sinceMs, untilMs, reason, by } = bypass;
  await context.sql.query('put-bypass', { teamId, sinceMs, untilMs, reason, byText: by });
  const action = before === undefined ? 'created' : 'updated';
  await note(context, teamId, actor, action, before, bypass);
  context.log.warn('an operator switched the bypass on: nothing is refused', { teamId, until: iso(untilMs), by });
  return bypass;
}

/** Switches it off; `false` where it was not on. */
export async function endBypass(context: LedgerContext, teamId: string, actor: AuditActor): Promise<boolean> {
  const before = await selectBypass(context, teamId);
  if (before === undefined) return false;
  await context.sql.query('delete-bypass', { teamId, untilMs: before.untilMs });
  await note(context, teamId, actor, 'deleted', before, undefined);
  context.log.warn('the bypass was switched off', { teamId, by: actorText(actor) });
  return true;
}

/** Teams whose bypass is over and not ended yet, and when the next one is over. */
export interface BypassesToEnd {
  readonly teamIds: readonly string[];
  /** `undefined`: none is on. */
  readonly nextMs: number | undefined;
}

/** What a timer has to do: call `expireBypass` for the teams, and come back in time. */
export async function bypassesToEnd(context: LedgerContext): Promise<BypassesToEnd> {
  const { nowMs } = context;
  const rows = await context.sql.query('select-ended-bypasses', { nowMs, size: ENDED_AT_ONCE });
  const [next] = await context.sql.query('select-next-bypass', { nowMs });
  const nextMs = next === undefined ? undefined : numberOf(next, 'until_ms');
  return { teamIds: rows.map((row) => textOf(row, 'team_id')), nextMs };
}

/**
 * Ends the bypass of a team whose time is over: the revision moves, the audit says so; once, however many replicas ask.
 * `false` where there is nothing to end: another replica was faster, or an operator prolonged it.
 */
export async function expireBypass(context: LedgerContext, teamId: string): Promise<boolean> {
  const [row] = await context.sql.query('select-bypass', { teamId });
  if (row === undefined) return false;
  const bypass = bypassOf(row);
  if (bypass.untilMs > context.nowMs) return false;
  const gone = await context.sql.query('delete-bypass', { teamId, untilMs: bypass.untilMs });
  if (gone.length === 0) return false;
  await note(context, teamId, SERVICE_ACTOR, 'ended', bypass, undefined);
  context.log.info('a bypass is over: calls are refused again', { teamId });
  return true;
}

/** Revision and audit. */
async function note(
  context: LedgerContext,
  teamId: string,
  actor: AuditActor,
  action: string,
  before: Bypass | undefined,
  after: Bypass | undefined,
): Promise<void> {
  noteFeedChange(context, teamId, TEAM, '');
  await moveRevision(context, teamId);
  const seen = { before: before && bypassState(before), after: after && bypassState(after) };
  await noteAudit(context, { teamId, actor, action, subject: 'bypass', subjectId: teamId, ...seen });
}

/** As the API and the feed show it. */
export function bypassState({ sinceMs, untilMs, reason, by }: Bypass): {
  readonly since: string;
  readonly until: string;
  readonly reason: string;
  readonly by: string;
} {
  return { since: iso(sinceMs), until: iso(untilMs), reason, by };
}

function bypassOf(row: SqlRow): Bypass {
  return {
    sinceMs: numberOf(row, 'since_ms'),
    untilMs: numberOf(row, 'until_ms'),
    reason: textOf(row, 'reason'),
    by: textOf(row, 'by_text'),
  };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
