/** A control meets the events of its current window: when it is new, when it counts something else, when it is enabled. */
import { type CompiledControl, compileControl, verdictOf } from '../compile/compiled-control.js';
import type { CostControl } from '../store/store.js';
import { announce, moveBalance, noteUnknownPrice, TOTAL } from './balances.js';
import type { LedgerContext } from './context.js';
import { countedEvents } from './counted-events.js';
import { addToSums, type SummedBalances } from './summed-balances.js';
import { windowOf } from './windows.js';

/**
 * Rebuilds the balances of an enabled control from the events of its current window (and of later ones: a clock may be
 * ahead), and announces what follows. Returns the control as it counts from now on.
 */
export async function fillControl(context: LedgerContext, control: CostControl): Promise<CostControl> {
  const current = windowOf(control.windowType, context.nowMs);
  const filled: CostControl = { ...control, countedFromMs: current.startMs };
  await context.sql.query('delete-balances', { controlId: control.id });
  await context.sql.query('set-control-counted-from', { id: control.id, countedFromMs: current.startMs });
  if (!control.enabled) return filled;
  const compiled = compileControl(filled);
  const sums: SummedBalances = new Map();
  for await (const event of countedEvents(context, control.teamId, current.startMs)) addToSums(sums, compiled, event);
  for (const [startMs, groups] of sums) {
    const window = windowOf(control.windowType, startMs);
    for (const [group, values] of groups) {
      const balance = await moveBalance(context, compiled, window, group, values);
      if (carriesVerdict(compiled, group)) await announce(context, compiled, window, group, balance, null);
      if (group === TOTAL && values.unknownCount > 0n) {
        await noteUnknownPrice(context, compiled, window, balance, null);
      }
    }
  }
  await openWindow(context, compiled);
  return filled;
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
