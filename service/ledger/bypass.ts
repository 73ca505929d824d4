/** The operators' bypass of a team: while it is on, no call is refused (DESIGN section 6). It ends by itself. */
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

/** Bypasses that one operation ends; the rest is for the next (I10). */
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

/**
 * Ends the bypasses whose time is over, each once over all replicas: their teams' revisions move, the audit says so.
 * Returns when the next one ends, or `undefined` where none is on.
 */
export async function endBypasses(context: LedgerContext): Promise<number | undefined> {
  for (const row of await context.sql.query('select-ended-bypasses', { nowMs: context.nowMs, size: ENDED_AT_ONCE })) {
    const teamId = textOf(row, 'team_id');
    const bypass = bypassOf(row);
    // Another replica may have ended it, or an operator prolonged it, since.
    const gone = await context.sql.query('delete-bypass', { teamId, untilMs: bypass.untilMs });
    if (gone.length === 0) continue;
    await note(context, teamId, SERVICE_ACTOR, 'ended', bypass, undefined);
    context.log.info('a bypass is over: calls are refused again', { teamId });
  }
  const [next] = await context.sql.query('select-next-bypass');
  return next === undefined ? undefined : numberOf(next, 'until_ms');
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
