/** What a control did, written in the transaction that caused it. The one writer of enforcement events. */
import type { CompiledControl } from '../compile/compiled-control.js';
import { limitTextOf, valueText } from '../compile/compiled-control.js';
import { type SqlParams, textOf, textOrNull } from '../store/sql.js';
import type { CostControl, EnforcementEvent, EnforcementKind, EnforcementOutcome } from '../store/store.js';
import { noteAlerts } from './alerts.js';
import type { LedgerContext } from './context.js';
import { windowOf } from './windows.js';

/** One thing to write down. */
export interface EnforcementNote {
  readonly kind: EnforcementKind;
  /** `null` for the control as a whole. */
  readonly groupValue: string | null;
  /** What people call the group. @defaultValue `groupValue` */
  readonly groupLabel?: string | null;
  readonly value: bigint;
  readonly windowStartMs: number;
  /** @defaultValue that of the control's window at `windowStartMs` */
  readonly windowKey?: string;
  /** The event that caused it, if one did. */
  readonly transactionId: string | null;
  /** For people. */
  readonly details?: string;
}

/** A row of the log, but for the team, its id and what follows from the kind. */
export interface EnforcementRow extends Omit<EnforcementEvent, 'count' | 'id' | 'level' | 'outcome' | 'ruleDeleted'> {
  readonly times: number;
  /** The id under which a client reported it, unique in the team. */
  readonly reportId: string | null;
}

/** A note that waits to be written. */
export interface PendingNote {
  readonly id: string;
  readonly control: CostControl;
  /** Without the address of who caused it, which is looked up. */
  readonly row: Omit<EnforcementRow, 'subscriberEmail'>;
}

/** What became of the calls, by what an event tells of. */
export const ENFORCEMENT_OUTCOMES: Readonly<Record<EnforcementKind, EnforcementOutcome>> = {
  trip: 'BLOCKED',
  refusal: 'BLOCKED',
  reset: 'RESET',
  warn: 'WARNED',
  shadow: 'OBSERVED',
  'unknown-price': 'PRICE_UNKNOWN',
  overrun: 'OVERRUN',
  'hold-charged': 'CHARGED',
  'hold-released': 'RELEASED',
  clamped: 'CLAMPED',
  downgraded: 'DOWNGRADED',
  throttled: 'THROTTLED',
};
const WARNINGS: ReadonlySet<EnforcementKind> = new Set([
  'warn',
  'unknown-price',
  'hold-released',
  'clamped',
  'downgraded',
  'throttled',
]);
/** Notes that wait for the end of their operation; more are written early (I10). */
const NOTES_MAX = 5_000;
const UNKNOWN_PRICE = 'an event whose price is unknown was counted as 0: from here on the value is a lower bound';

/**
 * Notes an enforcement event of this instant. It is written in this transaction, with the alerts that follow from it, at
 * the end of the operation: however many there are, in a few round trips.
 */
export async function noteEnforcement(
  context: LedgerContext,
  compiled: CompiledControl,
  note: EnforcementNote,
): Promise<void> {
  const { control } = compiled;
  const { kind, groupValue, windowStartMs, transactionId } = note;
  const threshold = kind === 'warn' ? (control.warnThreshold ?? control.hardLimit) : limitTextOf(control);
  const row: PendingNote['row'] = {
    controlId: control.id,
    kind,
    isShadow: control.shadowMode,
    ruleId: control.ruleId,
    ruleName: control.name,
    action: control.action,
    metricType: control.metricType,
    groupBy: control.groupBy,
    groupValue,
    groupLabel: note.groupLabel ?? groupValue,
    currentValue: valueText(compiled, note.value),
    threshold,
    windowStartMs,
    windowKey: note.windowKey ?? windowOf(control, windowStartMs).key,
    atMs: context.nowMs,
    transactionId,
    times: 1,
    details: note.details ?? (kind === 'unknown-price' ? UNKNOWN_PRICE : null),
    reportId: null,
  };
  const { notes } = context.effects;
  notes.push({ id: context.newId(), control, row });
  if (notes.length >= NOTES_MAX) await writeEnforcement(context);
}

/** Writes what was noted. To be called before whoever reads the log. */
export async function writeEnforcement(context: LedgerContext): Promise<void> {
  const notes = context.effects.notes.splice(0);
  if (notes.length === 0) return;
  const emails = await emailsOf(context, notes);
  const rows = notes.map(({ id, control, row }) => {
    const email = row.transactionId === null ? undefined : emails.get(`${control.teamId}\n${row.transactionId}`);
    return { id, control, row: { ...row, subscriberEmail: email ?? null } };
  });
  const sets = rows.map(({ id, control, row }) => paramsOf(id, control.teamId, row));
  const kept = await context.sql.many('insert-enforcement-event', sets);
  if (kept.length !== sets.length) throw new Error('an enforcement event was not kept');
  for (const { id, control, row } of rows) await noteAlerts(context, control, id, row);
}

/** Writes a row and returns its id; `undefined` where the team has one with this report id. */
export async function insertEnforcement(
  context: LedgerContext,
  teamId: string,
  row: EnforcementRow,
): Promise<string | undefined> {
  const id = context.newId();
  const kept = await context.sql.query('insert-enforcement-event', paramsOf(id, teamId, row));
  return kept.length === 0 ? undefined : id;
}

function paramsOf(id: string, teamId: string, row: EnforcementRow): SqlParams {
  const affected = [row.groupValue, row.groupLabel, row.subscriberEmail];
  return {
    ...row,
    id,
    teamId,
    level: WARNINGS.has(row.kind) ? 'WARN' : 'HARD',
    outcome: ENFORCEMENT_OUTCOMES[row.kind],
    searchKey: searchKeyOf([row.ruleName, ...affected, row.transactionId, row.details]),
    affectedKey: searchKeyOf(affected),
  };
}

/** Team and transaction to the address of who made the call. */
async function emailsOf(
  context: LedgerContext,
  notes: readonly PendingNote[],
): Promise<ReadonlyMap<string, string | null>> {
  const asked = new Map<string, SqlParams>();
  for (const { control, row } of notes) {
    const { transactionId } = row;
    const { teamId } = control;
    if (transactionId !== null) asked.set(`${teamId}\n${transactionId}`, { teamId, transactionId });
  }
  const rows = await context.sql.many('select-event-email', [...asked.values()]);
  return new Map(
    rows.map((row) => [
      `${textOf(row, 'team_id')}\n${textOf(row, 'transaction_id')}`,
      textOrNull(row, 'subscriber_email'),
    ]),
  );
}

/** Lower case of every script, which the databases do not agree on. */
function searchKeyOf(words: readonly (string | null)[]): string {
  return [...new Set(words)]
    .filter((word) => word !== null)
    .join('\n')
    .toLowerCase();
}
