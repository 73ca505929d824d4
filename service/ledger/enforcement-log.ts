/** What a control did, written in the transaction that caused it. */
import type { CompiledControl } from '../compile/compiled-control.js';
import { valueText } from '../compile/compiled-control.js';
import type { EnforcementEvent } from '../store/store.js';
import type { LedgerContext } from './context.js';

/** One thing to write down. */
export interface EnforcementNote {
  readonly kind: EnforcementEvent['kind'];
  /** `null` for the control as a whole. */
  readonly groupValue: string | null;
  readonly value: bigint;
  readonly windowStartMs: number;
  /** The event that caused it, if one did. */
  readonly transactionId: string | null;
}

/** Writes an enforcement event. */
export async function noteEnforcement(
  context: LedgerContext,
  compiled: CompiledControl,
  note: EnforcementNote,
): Promise<void> {
  const { control } = compiled;
  const threshold = note.kind === 'warn' ? (control.warnThreshold ?? control.hardLimit) : control.hardLimit;
  await context.sql.query('insert-enforcement-event', {
    id: context.newId(),
    teamId: control.teamId,
    controlId: control.id,
    kind: note.kind,
    groupValue: note.groupValue,
    currentValue: valueText(compiled, note.value),
    threshold,
    windowStartMs: note.windowStartMs,
    atMs: context.nowMs,
    transactionId: note.transactionId,
  });
}
