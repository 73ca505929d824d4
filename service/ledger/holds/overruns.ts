/** What is spent above the limit of a hard control: recorded and named, whatever admitted it (I7). */
import type { CompiledControl } from '../../compile/compiled-control.js';
import type { LedgerContext } from '../context.js';
import { noteEnforcement } from '../enforcement-log.js';
import { countsNow, spanNow } from '../rolling-balances.js';
import { spokenValue } from '../spoken-amount.js';
import type { Window } from '../windows.js';
import type { HeldHold, HeldPart } from './hold-book.js';

/** The hold that an event names, as a control settles it. */
export interface Settlement {
  readonly hold: HeldHold;
  /** Absent: the hold has no part in the control, or none any more. */
  readonly part: HeldPart | undefined;
  /** What the hold was charged for already, and is not any more. */
  readonly superseded: bigint;
}

/** What moved the balance that decides. */
export interface Spent {
  readonly window: Window;
  readonly groupKey: string;
  readonly delta: bigint;
  /** What it comes to. */
  readonly value: bigint;
}

/** Adds what `spent` took above the limit to the balance's overrun and to the hold's, and tells of it. */
export async function noteOverrun(
  context: LedgerContext,
  compiled: CompiledControl,
  { window, groupKey, delta, value }: Spent,
  transactionId: string | null,
  settlement?: Settlement,
): Promise<void> {
  const { control } = compiled;
  if (control.enforcement !== 'HARD' || control.shadowMode) return;
  const rise = delta - (settlement?.superseded ?? 0n);
  const above = value - compiled.limit;
  const overrun = above < rise ? above : rise;
  if (overrun <= 0n) return;
  const rolling = control.windowType === 'ROLLING';
  // Of a bucket that does not count now the sum is not known, and nothing is limited by it.
  if (rolling && !countsNow(context, control, window)) return;
  await context.balances.move(control.id, window, groupKey, { value: 0n, unknownCount: 0n, overrun });
  const { hold, part } = settlement ?? {};
  if (part !== undefined) {
    part.overrun += overrun;
    part.isDrawn = true;
  }
  const by = hold === undefined ? 'without a hold' : `of hold ${hold.id}`;
  const event = transactionId === null ? 'a charge' : `event ${transactionId}`;
  await noteEnforcement(context, compiled, {
    kind: 'overrun',
    groupValue: groupKey === '' ? null : groupKey,
    value,
    windowStartMs: rolling ? spanNow(context, control).fromMs : window.startMs,
    transactionId,
    details: `${spokenValue(compiled, overrun)} above the limit by ${event} ${by}`,
  });
}
