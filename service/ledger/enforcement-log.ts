/** What a control did, written in the transaction that caused it. The one writer of enforcement events. */
import type { CompiledControl } from '../compile/compiled-control.js';
import { valueText } from '../compile/compiled-control.js';
import { textOrNull } from '../store/sql.js';
import type { EnforcementKind, EnforcementOutcome } from '../store/store.js';
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
}

/** A row of the log, but for the team, its id and what follows from the kind. */
export interface EnforcementRow {
  readonly controlId: string | null;
  readonly kind: EnforcementKind;
  readonly isShadow: boolean;
  readonly ruleId: number | null;
  readonly ruleName: string | null;
  readonly action: string;
  readonly metricType: string | null;
  readonly groupBy: string | null;
  readonly groupValue: string | null;
  readonly groupLabel: string | null;
  readonly currentValue: string | null;
  readonly threshold: string | null;
  readonly windowStartMs: number | null;
  readonly windowKey: string | null;
  readonly atMs: number;
  readonly transactionId: string | null;
  readonly subscriberEmail: string | null;
  readonly times: number;
  readonly details: string | null;
  /** The id under which a client reported it, unique in the team. */
  readonly reportId: string | null;
}

/** What became of the calls, by what an event tells of. */
export const ENFORCEMENT_OUTCOMES: Readonly<Record<EnforcementKind, EnforcementOutcome>> = {
  trip: 'BLOCKED',
  refusal: 'BLOCKED',
  reset: 'RESET',
  warn: 'WARNED',
  shadow: 'OBSERVED',
  'unknown-price': 'PRICE_UNKNOWN',
};
const UNKNOWN_PRICE = 'an event whose price is unknown was counted as 0: from here on the value is a lower bound';

/** Writes an enforcement event, and the alerts that follow from it. */
export async function noteEnforcement(
  context: LedgerContext,
  compiled: CompiledControl,
  note: EnforcementNote,
): Promise<void> {
  const { control } = compiled;
  const { kind, groupValue, windowStartMs, transactionId } = note;
  const threshold = kind === 'warn' ? (control.warnThreshold ?? control.hardLimit) : control.hardLimit;
  const row: EnforcementRow = {
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
    subscriberEmail: await emailOf(context, control.teamId, transactionId),
    times: 1,
    details: kind === 'unknown-price' ? UNKNOWN_PRICE : null,
    reportId: null,
  };
  const id = await insertEnforcement(context, control.teamId, row);
  if (id === undefined) throw new Error('an enforcement event was not kept');
  await noteAlerts(context, control, id, row);
}

/** Writes a row and returns its id; `undefined` where the team has one with this report id. */
export async function insertEnforcement(
  context: LedgerContext,
  teamId: string,
  row: EnforcementRow,
): Promise<string | undefined> {
  const id = context.newId();
  const affected = [row.groupValue, row.groupLabel, row.subscriberEmail];
  const kept = await context.sql.query('insert-enforcement-event', {
    ...row,
    id,
    teamId,
    level: row.kind === 'warn' || row.kind === 'unknown-price' ? 'WARN' : 'HARD',
    outcome: ENFORCEMENT_OUTCOMES[row.kind],
    searchKey: searchKeyOf([row.ruleName, ...affected, row.transactionId, row.details]),
    affectedKey: searchKeyOf(affected),
  });
  return kept.length === 0 ? undefined : id;
}

async function emailOf(context: LedgerContext, teamId: string, transactionId: string | null): Promise<string | null> {
  if (transactionId === null) return null;
  const [row] = await context.sql.query('select-event-email', { teamId, transactionId });
  return row === undefined ? null : textOrNull(row, 'subscriber_email');
}

/** Lower case of every script, which the databases do not agree on. */
function searchKeyOf(words: readonly (string | null)[]): string {
  return [...new Set(words)]
    .filter((word) => word !== null)
    .join('\n')
    .toLowerCase();
}
