/** What becomes of what is left of a hold: given back, or counted as spent. */
import type { CompiledControl } from '../../compile/compiled-control.js';
import { announce, TOTAL } from '../balances.js';
import type { LedgerContext } from '../context.js';
import { noteEnforcement } from '../enforcement-log.js';
import { headOf, spanNow, sumAnew } from '../rolling-balances.js';
import { spokenValue } from '../spoken-amount.js';
import { type Cell, cellOf, moveHeld } from './cells.js';
import { type HeldHold, type HeldPart, type HoldBook, leftOf } from './hold-book.js';
import { noteOverrun } from './overruns.js';

/** Gives back what is left of an open part. Returns how much that was. */
export async function releasePart(
  context: LedgerContext,
  compiled: CompiledControl,
  hold: HeldHold,
  part: HeldPart,
): Promise<bigint> {
  const left = leftOf(part);
  await moveHeld(context, cellOf(context, compiled, part), -left);
  part.amount -= left;
  part.state = 'released';
  part.isChanged = true;
  if (left > 0n) await tell(context, compiled, hold, part, 'hold-released', left);
  return left;
}

/** Counts what is left of an open part as spent: nobody knows what became of the calls that it covered. */
export async function chargePart(
  context: LedgerContext,
  holds: HoldBook,
  compiled: CompiledControl,
  hold: HeldHold,
  part: HeldPart,
): Promise<void> {
  const left = leftOf(part);
  const cell = cellOf(context, compiled, part);
  await moveHeld(context, cell, -left);
  part.state = 'charged';
  part.isChanged = true;
  // The calls of a ROLLING part may have been made until now.
  part.windowStartMs = cell.window.startMs;
  part.windowEndMs = cell.window.endMs;
  holds.charge(hold, part, left, 'expired');
  const value = await moveCharge(context, cell, left, true);
  const spent = { window: cell.window, groupKey: part.groupKey, delta: left, value };
  await noteOverrun(context, compiled, spent, null, { hold, part, superseded: 0n });
  await tell(context, compiled, hold, part, 'hold-charged', left);
}

/** Takes a part of a charge back for an event that is counted next: what follows is told then. */
export async function reduceCharge(
  context: LedgerContext,
  holds: HoldBook,
  compiled: CompiledControl,
  hold: HeldHold,
  part: HeldPart,
  by: bigint,
  reason: string,
): Promise<void> {
  if (by <= 0n) return;
  holds.charge(hold, part, part.charged - by, reason);
  await moveCharge(context, chargeCell(context, compiled, part), -by, false);
}

/** An operator, or its owner, takes a charge back: all of it unless `by` says how much. Returns how much that was. */
export async function takeBackCharge(
  context: LedgerContext,
  holds: HoldBook,
  compiled: CompiledControl,
  hold: HeldHold,
  part: HeldPart,
  by = part.charged,
): Promise<bigint> {
  if (by > 0n) holds.charge(hold, part, part.charged - by, 'taken back');
  await moveCharge(context, chargeCell(context, compiled, part), -by, true);
  part.amount -= by;
  if (part.charged === 0n) part.state = 'released';
  part.isChanged = true;
  if (by > 0n) await tell(context, compiled, hold, part, 'hold-released', by);
  return by;
}

/** A charge stays in its bucket. */
function chargeCell(context: LedgerContext, compiled: CompiledControl, part: HeldPart): Cell {
  const window = context.cache.windows.of(compiled.control, part.windowStartMs);
  return { compiled, groupKey: part.groupKey, window };
}

/** Moves what counts as spent, in the group and in the total. Returns what the group comes to. */
async function moveCharge(
  context: LedgerContext,
  { compiled, groupKey, window }: Cell,
  by: bigint,
  tells: boolean,
): Promise<bigint> {
  const { control } = compiled;
  // A control that began anew since has forgotten that window.
  if (window.startMs < (control.countedFromMs ?? 0)) return 0n;
  const delta = { value: by, unknownCount: 0n };
  const rolling = control.windowType === 'ROLLING';
  const groups = groupKey === TOTAL ? [TOTAL] : [TOTAL, groupKey];
  let value = 0n;
  for (const group of groups) {
    const moved = await context.balances.move(control.id, window, group, delta);
    const balance = rolling ? await sumAnew(context, control, group) : moved;
    value = balance.value;
    if (tells && group === groupKey)
      await announce(context, compiled, rolling ? headOf() : window, group, balance, null);
  }
  context.effects.touched.add(control.teamId);
  return value;
}

async function tell(
  context: LedgerContext,
  compiled: CompiledControl,
  hold: HeldHold,
  part: HeldPart,
  kind: 'hold-charged' | 'hold-released',
  amount: bigint,
): Promise<void> {
  const { control } = compiled;
  const rolling = control.windowType === 'ROLLING';
  const done = kind === 'hold-charged' ? 'counted as spent' : 'given back';
  await noteEnforcement(context, compiled, {
    kind,
    groupValue: part.groupKey === TOTAL ? null : part.groupKey,
    value: amount,
    windowStartMs: rolling ? spanNow(context, control).fromMs : part.windowStartMs,
    transactionId: null,
    details: `${spokenValue(compiled, amount)} of hold ${hold.id} of ${hold.owner}: ${done}`,
  });
}
