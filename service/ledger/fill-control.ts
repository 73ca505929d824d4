/** A control meets the events of its current window: when it is new, when it counts something else, when it is enabled. */
import { type CompiledControl, compileControl, verdictOf } from '../compile/compiled-control.js';
import { numberOf, textOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import { announce, moveBalance, noteUnknownPrice, TOTAL } from './balances.js';
import type { LedgerContext } from './context.js';
import { controlOf } from './control-rows.js';
import { countedFromRow } from './counted-event.js';
import { cursorOf, type FillCursor } from './fill-cursors.js';
import { addToSums, type SummedBalances } from './summed-balances.js';
import { windowOf } from './windows.js';

/**
 * Begins the balances of an enabled control anew from the events of its current window (and of later ones: a clock may
 * be ahead). A window of up to one slice of events is counted at once; a larger one goes on with {@link fillNext}, and
 * the control counts what it has met so far. Returns the control as it counts from now on.
 */
export async function fillControl(context: LedgerContext, control: CostControl): Promise<CostControl> {
  const current = windowOf(control.windowType, context.nowMs);
  const filled: CostControl = { ...control, countedFromMs: current.startMs };
  await context.sql.query('delete-balances', { controlId: control.id });
  await context.sql.query('set-control-counted-from', { id: control.id, countedFromMs: current.startMs });
  await context.sql.query('delete-fill', { controlId: control.id });
  if (!control.enabled) return filled;
  await fillSlice(context, filled, { afterMs: current.startMs, afterId: '' });
  await openWindow(context, compileControl(filled));
  return filled;
}

/** Goes on with a control that has not met all its events. Returns the ids of those that still have not. */
export async function fillNext(context: LedgerContext): Promise<readonly string[]> {
  const open = await context.sql.query('select-open-fills');
  const ids = open.map((row) => textOf(row, 'control_id'));
  const [first] = open;
  if (first === undefined) return ids;
  const controlId = textOf(first, 'control_id');
  const [row] = await context.sql.query('select-control-by-id', { id: controlId });
  if (row !== undefined && (await fillSlice(context, controlOf(row), cursorOf(first)))) return ids;
  return ids.filter((id) => id !== controlId);
}

/** Counts the events behind the cursor, as many as one transaction may take. Returns whether there may be more. */
async function fillSlice(context: LedgerContext, control: CostControl, cursor: FillCursor): Promise<boolean> {
  const { teamId, id: controlId } = control;
  const size = context.fillSlice;
  const rows = await context.sql.query('select-counted-events', { teamId, ...cursor, size });
  const compiled = compileControl(control);
  const sums: SummedBalances = new Map();
  for (const row of rows) addToSums(sums, compiled, countedFromRow(row));
  await addSums(context, compiled, sums);
  const last = rows.at(-1);
  if (last === undefined || rows.length < size) {
    await context.sql.query('delete-fill', { controlId });
    return false;
  }
  const afterMs = numberOf(last, 'window_time_ms');
  await context.sql.query('put-fill', { controlId, teamId, afterMs, afterId: textOf(last, 'id') });
  return true;
}

/** What is counted so far is a lower bound: a limit that it reaches is reached, so it is told at once. */
async function addSums(context: LedgerContext, compiled: CompiledControl, sums: SummedBalances): Promise<void> {
  for (const [startMs, groups] of sums) {
    const window = windowOf(compiled.control.windowType, startMs);
    for (const [group, values] of groups) {
      const balance = await moveBalance(context, compiled, window, group, values);
      if (carriesVerdict(compiled, group)) await announce(context, compiled, window, group, balance, null);
      if (group === TOTAL && values.unknownCount > 0n) {
        await noteUnknownPrice(context, compiled, window, balance, null);
      }
    }
  }
  if (sums.size > 0) context.effects.touched.add(compiled.control.teamId);
}

/** A limit of 0 is reached with no event at all: the total needs a balance to announce that on. */
export async function openWindow(context: LedgerContext, compiled: CompiledControl): Promise<void> {
  if (compiled.control.groupBy !== null || verdictOf(compiled, { value: 0n, unknownCount: 0n }) === 0) return;
  const window = windowOf(compiled.control.windowType, context.nowMs);
  const total = await moveBalance(context, compiled, window, TOTAL, { value: 0n, unknownCount: 0n });
  await announce(context, compiled, window, TOTAL, total, null);
}

/** The total of a grouped control has no verdict of its own (DESIGN section 6). */
export function carriesVerdict(compiled: CompiledControl, groupKey: string): boolean {
  return (compiled.control.groupBy === null) === (groupKey === TOTAL);
}
