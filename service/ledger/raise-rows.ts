/** Raises as rows: more room under a limit for a while, by whom and why. */
import { digitsOf, NO_RAISE, type RaiseState, raisedBy } from '../compile/compiled-control.js';
import { numberOf, numberOrNull, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import { type AuditActor, actorText, noteAudit } from './audit.js';
import type { LedgerContext } from './context.js';

/** A raise of a control's limit. `amount` is exact decimal text in the unit of the control's metric. */
export interface Raise {
  readonly id: string;
  readonly teamId: string;
  readonly controlId: string;
  readonly amount: string;
  readonly untilMs: number;
  readonly reason: string;
  /** Who made it, in words. */
  readonly by: string;
  readonly createdAtMs: number;
  /** `null`: it is open. */
  readonly endedAtMs: number | null;
  /** Who ended it, in words; `service`: its time was over. */
  readonly endedBy: string | null;
}

/** The open raises of a control; the one that ends first comes first. */
export async function openRaises(context: LedgerContext, controlId: string): Promise<readonly Raise[]> {
  return (await context.sql.query('select-open-raises', { controlId })).map(raiseOf);
}

/** Marks a raise as ended. The change is audited with the control. */
export async function markEnded(context: LedgerContext, raise: Raise, actor: AuditActor): Promise<Raise> {
  const ended: Raise = { ...raise, endedAtMs: context.nowMs, endedBy: actorText(actor) };
  await context.sql.query('end-raise', { id: raise.id, atMs: context.nowMs, byText: ended.endedBy });
  const { teamId, controlId } = raise;
  const note = { teamId, actor, subject: 'control' as const, subjectId: controlId, action: 'raise-ended' };
  await noteAudit(context, { ...note, before: raiseState(raise) });
  return ended;
}

/** Sums up what is open by now, and keeps that with the control. Returns the control as it is then. */
export async function sumRaises(context: LedgerContext, control: CostControl): Promise<CostControl> {
  const state = raisedBy(await openRaises(context, control.id), digitsOf(control.metricType));
  await context.sql.query('set-control-raised', {
    id: control.id,
    raised: state.raised ?? null,
    untilMs: state.raisedUntilMs ?? null,
  });
  return withRaise(control, state);
}

/** Ends every raise of a control that is gone, or that measures something else from now on. */
export async function dropRaises(
  context: LedgerContext,
  control: CostControl,
  actor: AuditActor,
): Promise<CostControl> {
  if (control.raised === undefined) return control;
  for (const raise of await openRaises(context, control.id)) await markEnded(context, raise, actor);
  await context.sql.query('set-control-raised', { id: control.id, raised: null, untilMs: null });
  return withRaise(control, NO_RAISE);
}

/** As people see it: in the audit and over the API. */
export function raiseState({ id, amount, untilMs, reason, by, createdAtMs }: Raise) {
  return { raiseId: id, amount, until: iso(untilMs), reason, by, created: iso(createdAtMs) };
}

/** Reads a raise. */
export function raiseOf(row: SqlRow): Raise {
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    controlId: textOf(row, 'control_id'),
    amount: textOf(row, 'amount'),
    untilMs: numberOf(row, 'until_ms'),
    reason: textOf(row, 'reason'),
    by: textOf(row, 'by_text'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    endedAtMs: numberOrNull(row, 'ended_at_ms'),
    endedBy: textOrNull(row, 'ended_by'),
  };
}

function withRaise(control: CostControl, state: RaiseState): CostControl {
  const { raised: _raised, raisedUntilMs: _until, ...rest } = control;
  return { ...rest, ...state };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
