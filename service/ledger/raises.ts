/**
 * Raises: room above a limit until a time, for an incident or a launch. They hold at once, for verdicts, feeds, the
 * gateway and holds alike, and end by themselves.
 */
import { digitsOf, limitTextOf } from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import type { CostControl } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { type AuditActor, actorText, noteAudit, SERVICE_ACTOR } from './audit.js';
import { type LedgerContext, moveRevision, readTeamState } from './context.js';
import { LIMIT_MAX_UNITS } from './control-problems.js';
import { announceAnew, getControl } from './controls.js';
import { formatScaled, parseScaled } from './decimal.js';
import { markEnded, openRaises, type Raise, raiseOf, raiseState, sumRaises } from './raise-rows.js';

export type { Raise } from './raise-rows.js';

/** What a person asks for. */
export interface RaiseInput {
  /** More than 0, in the unit of the control's metric, as decimal text. */
  readonly amount: string;
  readonly untilMs: number;
  readonly reason: string;
}

/** A raise ends at the latest so long from its beginning: for longer the limit itself is to be changed. */
export const RAISE_MAX_MS = 366 * 86_400_000;
/** Open ones of one control (I10). */
const OPEN_MAX = 100;
/** Ended ones are kept for so long; the audit keeps them too. */
const KEPT_MS = 400 * 86_400_000;
const LISTED_MAX = 200;
const REASON_MAX = 500;
/** So many digits tell whether something was rounded away. */
const CHECK_DIGITS = 40;

/**
 * Raises the limit of a control until a time. Verdicts follow at once. The change is audited. `undefined` where there is
 * no such control. @throws StoreError `UNKNOWN_TEAM`, `INVALID`
 */
export async function raiseControl(
  context: LedgerContext,
  teamId: string,
  controlId: string,
  input: RaiseInput,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<Raise | undefined> {
  await readTeamState(context, teamId);
  await expireRaises(context, teamId);
  const control = await getControl(context, teamId, controlId);
  if (control === undefined) return undefined;
  const open = await openRaises(context, controlId);
  const amount = readAmount(control, input.amount);
  checkRest(context, input);
  if (open.length >= OPEN_MAX) refuse('amount', `the control has ${OPEN_MAX} open raises already`);
  const raise: Raise = {
    id: context.newId(),
    teamId,
    controlId,
    amount,
    untilMs: input.untilMs,
    reason: input.reason.trim(),
    by: actorText(actor),
    createdAtMs: context.nowMs,
    endedAtMs: null,
    endedBy: null,
  };
  const { endedAtMs: _ended, endedBy: _by, by: byText, ...row } = raise;
  await context.sql.query('insert-raise', { ...row, byText });
  await context.sql.query('purge-raises', { controlId, beforeMs: context.nowMs - KEPT_MS });
  const after = await settle(context, control);
  const note = { teamId, actor, subject: 'control' as const, subjectId: controlId, action: 'raised' };
  const seen = { before: { limit: limitTextOf(control) }, after: { limit: limitTextOf(after), ...raiseState(raise) } };
  await noteAudit(context, { ...note, ...seen });
  return raise;
}

/** The raises of a control, open and ended ones, newest first. */
export async function listRaises(context: LedgerContext, teamId: string, controlId: string): Promise<readonly Raise[]> {
  return (await context.sql.query('list-raises', { teamId, controlId, size: LISTED_MAX })).map(raiseOf);
}

/** Ends a raise before its time, of `controlId` where that is named. Audited. `undefined`: there is none that is open. */
export async function endRaise(
  context: LedgerContext,
  teamId: string,
  id: string,
  actor: AuditActor = SERVICE_ACTOR,
  controlId?: string,
): Promise<Raise | undefined> {
  await expireRaises(context, teamId);
  const [row] = await context.sql.query('select-raise', { teamId, id });
  const raise = row === undefined ? undefined : raiseOf(row);
  if (raise === undefined || raise.endedAtMs !== null) return undefined;
  if (controlId !== undefined && controlId !== raise.controlId) return undefined;
  const ended = await markEnded(context, raise, actor);
  const control = await getControl(context, teamId, raise.controlId);
  if (control !== undefined) await settle(context, control);
  return ended;
}

/**
 * Ends every raise of a team whose time is over. Called by timer and before whatever decides by a limit. Safe to call at
 * any time, by any number of processes; the controls' version moves where a limit did. Returns whether one did.
 */
export async function expireRaises(context: LedgerContext, teamId: string): Promise<boolean> {
  const due = await context.sql.query('select-due-raises', { teamId, nowMs: context.nowMs });
  const controlIds = new Set<string>();
  for (const row of due) controlIds.add((await markEnded(context, raiseOf(row), SERVICE_ACTOR)).controlId);
  for (const controlId of controlIds) {
    const control = await getControl(context, teamId, controlId);
    if (control === undefined) continue;
    await settle(context, control);
    context.log.info('a raise of a limit is over', { teamId, controlId });
  }
  return controlIds.size > 0;
}

/** The limit is another one: everybody hears of it, and the verdicts are those that follow from it. */
async function settle(context: LedgerContext, control: CostControl): Promise<CostControl> {
  const after = await sumRaises(context, control);
  await context.sql.query('move-controls-version', { id: control.teamId });
  noteFeedChange(context, control.teamId, control.id, WHOLE_CONTROL);
  await moveRevision(context, control.teamId);
  await announceAnew(context, after);
  return after;
}

function readAmount(control: CostControl, text: string): string {
  const digits = digitsOf(control.metricType);
  const fine = parseScaled(text, CHECK_DIGITS);
  if (fine === undefined) return refuse('amount', 'must be a decimal number');
  if (fine <= 0n) return refuse('amount', 'must be more than 0; a limit is lowered by changing the control');
  const step = 10n ** BigInt(CHECK_DIGITS - digits);
  if (fine % step !== 0n) {
    return refuse('amount', digits === 0 ? 'must be a whole number' : `must have at most ${digits} decimals`);
  }
  const limit = parseScaled(limitTextOf(control), digits, 'ceiling') ?? 0n;
  if (fine / step + limit > LIMIT_MAX_UNITS) return refuse('amount', 'is too large');
  return formatScaled(fine / step, digits);
}

function checkRest(context: LedgerContext, { untilMs, reason }: RaiseInput): void {
  if (!Number.isSafeInteger(untilMs) || untilMs <= context.nowMs) refuse('until', 'must be in the future');
  if (untilMs > context.nowMs + RAISE_MAX_MS) refuse('until', 'must be at most 366 days ahead');
  if (reason.trim() === '') refuse('reason', 'reason is required');
  if (reason.length > REASON_MAX) refuse('reason', `must have at most ${REASON_MAX} characters`);
}

function refuse(field: string, problem: string): never {
  throw new StoreError('INVALID', `${field} ${problem}`, { problems: { [field]: problem } });
}
