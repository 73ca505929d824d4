/** Open holds and charges of a control whose balances begin anew, or end. */
import type { CompiledControl } from '../../compile/compiled-control.js';
import { bigintOf, bigintOrNull, numberOf, textOf } from '../../store/sql.js';
import type { CostControl } from '../../store/store.js';
import { announce, TOTAL } from '../balances.js';
import type { LedgerContext } from '../context.js';
import { headOf, sumAnew } from '../rolling-balances.js';
import { cellOf, moveHeld } from './cells.js';
import { leftOf, type PartState } from './hold-book.js';

/** A part that is in a balance. */
export interface LivePart {
  readonly holdId: string;
  readonly groupKey: string;
  readonly windowStartMs: number;
  readonly state: PartState;
  /** What is held of it. */
  readonly left: bigint;
  readonly charged: bigint;
  /** What its latest entry says that it was charged. */
  readonly entry: bigint;
}

/** The open and the charged parts of a control. */
export async function selectLiveParts(context: LedgerContext, controlId: string): Promise<readonly LivePart[]> {
  return (await context.sql.query('select-live-hold-parts', { controlId })).map((row) => {
    const state = textOf(row, 'state') as PartState;
    return {
      holdId: textOf(row, 'hold_id'),
      groupKey: textOf(row, 'group_key'),
      windowStartMs: numberOf(row, 'window_start_ms'),
      state,
      left: leftOf({ state, amount: bigintOf(row, 'amount'), drawn: bigintOf(row, 'drawn') }),
      charged: bigintOf(row, 'charged'),
      entry: state === 'charged' ? (bigintOrNull(row, 'entry') ?? 0n) : 0n,
    };
  });
}

/**
 * The control holds nothing any more: it is gone, counts something else, or decides otherwise. `charges`: it is not charged
 * for anything either. To be called before its balances begin anew.
 */
export async function withdrawParts(context: LedgerContext, control: CostControl, charges: boolean): Promise<void> {
  const parts = await selectLiveParts(context, control.id);
  if (parts.length === 0) return;
  await context.sql.query('withdraw-hold-parts', { controlId: control.id, charges });
}

/** Gives back in the balances what is held under a control, where they stay. To be called before {@link withdrawParts}. */
export async function giveBackParts(context: LedgerContext, compiled: CompiledControl): Promise<void> {
  for (const part of await selectLiveParts(context, compiled.control.id)) {
    await moveHeld(context, cellOf(context, compiled, part), -part.left);
  }
}

/** Puts open parts and charges into balances that begin anew. */
export async function placeParts(context: LedgerContext, compiled: CompiledControl, tells: boolean): Promise<void> {
  const { control } = compiled;
  const rolling = control.windowType === 'ROLLING';
  for (const part of await selectLiveParts(context, control.id)) {
    await moveHeld(context, cellOf(context, compiled, part), part.left);
    if (part.entry === 0n || part.windowStartMs < (control.countedFromMs ?? 0)) continue;
    const window = context.cache.windows.of(control, part.windowStartMs);
    const delta = { value: part.entry, unknownCount: 0n };
    for (const group of part.groupKey === TOTAL ? [TOTAL] : [TOTAL, part.groupKey]) {
      const moved = await context.balances.move(control.id, window, group, delta);
      const balance = rolling ? await sumAnew(context, control, group) : moved;
      if (!tells || group !== part.groupKey) continue;
      await announce(context, compiled, rolling ? headOf() : window, group, balance, null);
    }
  }
}
