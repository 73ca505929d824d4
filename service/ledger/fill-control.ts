/** A control meets the events of its current window: when it is new, when it counts something else, when it is enabled. */
import { type BalanceValues, type CompiledControl, compileControl, verdictOf } from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import { numberOf, textOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import type { BalanceKey } from './balance-book.js';
import { announce, type Balance, keysIn, moveBalance, TOTAL } from './balances.js';
import { type LedgerContext, moveRevision } from './context.js';
import { controlOf } from './control-rows.js';
import { countedFromRow } from './counted-event.js';
import { cursorOf, type FillCursor } from './fill-cursors.js';
import { type HeldControl, heldBefore, keepHeld } from './held-verdicts.js';
import { placeParts } from './holds/keep-parts.js';
import { countsNow, spanNow } from './rolling-balances.js';
import { addToSums, type SummedBalances } from './summed-balances.js';
import { noteUnknownPrice } from './unknown-price.js';
import type { Window } from './windows.js';

/** A fill that has not met all events. */
export interface OpenFill {
  readonly teamId: string;
  readonly controlId: string;
}

const NOTHING: BalanceValues = { value: 0n, unknownCount: 0n };

/**
 * Begins the balances of an enabled control anew from the events of its current window (and of later ones: a clock may
 * be ahead). A window of up to one slice of events is counted at once; a larger one goes on with {@link fillTeam}, and
 * the control counts what it has met so far. What it refused before is `held` until then. Returns the control as it
 * counts from now on.
 */
export async function fillControl(
  context: LedgerContext,
  control: CostControl,
  held: readonly HeldControl[] = [],
): Promise<CostControl> {
  const countedFromMs = countFrom(context, control);
  const filled: CostControl = { ...control, countedFromMs };
  noteFeedChange(context, control.teamId, control.id, WHOLE_CONTROL);
  await moveRevision(context, control.teamId);
  const stillHeld = [...(await heldBefore(context, control.id)), ...held];
  await context.sql.query('delete-balances', { controlId: control.id });
  await context.sql.query('set-control-counted-from', { id: control.id, countedFromMs });
  await context.sql.query('delete-fill', { controlId: control.id });
  if (!control.enabled) return filled;
  await placeParts(context, compileControl(filled), !control.shadowMode);
  const more = await fillSlice(context, filled, { afterMs: countedFromMs, afterId: '' });
  if (more && !control.shadowMode) await keepHeld(context, control.id, stillHeld);
  await openWindow(context, compileControl(filled));
  return filled;
}

/** From which window on a control counts that begins to count now. */
export function countFrom(context: LedgerContext, control: CostControl): number {
  if (control.windowType === 'ROLLING') return spanNow(context, control).keptFromMs;
  return context.cache.windows.of(control, context.nowMs).startMs;
}

/** Every fill that has not met all its events. */
export async function openFills(context: LedgerContext): Promise<readonly OpenFill[]> {
  const rows = await context.sql.query('select-open-fills');
  return rows.map((row) => ({ teamId: textOf(row, 'team_id'), controlId: textOf(row, 'control_id') }));
}

/** Goes on with one control of the team, for one slice. Returns the ids of those that still have not met all. */
export async function fillTeam(context: LedgerContext, teamId: string): Promise<readonly string[]> {
  const open = await context.sql.query('select-fills', { teamId });
  const ids = open.map((row) => textOf(row, 'control_id'));
  const [first] = open;
  if (first === undefined) return ids;
  const controlId = textOf(first, 'control_id');
  const [row] = await context.sql.query('select-control-by-id', { id: controlId });
  if (row !== undefined && (await fillSlice(context, controlOf(row), cursorOf(first)))) return ids;
  // What was held for it ends now, and the feed has to say so.
  if (numberOf(first, 'held_until_ms') > 0) {
    noteFeedChange(context, teamId, controlId, WHOLE_CONTROL);
    await moveRevision(context, teamId);
  }
  return ids.filter((id) => id !== controlId);
}

/** Counts the events behind the cursor, as many as one transaction may take. Returns whether there may be more. */
async function fillSlice(context: LedgerContext, control: CostControl, cursor: FillCursor): Promise<boolean> {
  const { teamId, id: controlId } = control;
  const size = context.fillSlice;
  const rows = await context.sql.query('select-counted-events', { teamId, ...cursor, size });
  const compiled = compileControl(control);
  const sums: SummedBalances = new Map();
  for (const row of rows) addToSums(sums, compiled, countedFromRow(row), context.cache.windows);
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
  const { control } = compiled;
  const places = [...sums].map(([startMs, groups]) => ({ window: context.cache.windows.of(control, startMs), groups }));
  const keys: BalanceKey[] = [];
  for (const { window, groups } of places) {
    for (const group of groups.keys()) keys.push(...keysIn(context, control, window, group));
  }
  await context.balances.load(keys);
  // A bucket of a ROLLING control has no verdict: it is told when all of them are counted.
  const told = new Map<string, { readonly window: Window; readonly group: string; readonly balance: Balance }>();
  for (const { window, groups } of places) {
    for (const [group, values] of groups) {
      const balance = await moveBalance(context, compiled, window, group, values);
      const name = control.windowType === 'ROLLING' ? group : `${window.startMs}\n${group}`;
      const counts = control.windowType !== 'ROLLING' || countsNow(context, control, window);
      if (counts && carriesVerdict(compiled, group)) told.set(name, { window, group, balance });
      if (group === TOTAL && values.unknownCount > 0n) {
        await noteUnknownPrice(context, compiled, window, balance, null);
      }
    }
  }
  for (const { window, group, balance } of told.values())
    await announce(context, compiled, window, group, balance, null);
  if (sums.size > 0) context.effects.touched.add(control.teamId);
}

/** A limit of 0 is reached with no event at all: the total needs a balance to announce that on. */
export async function openWindow(context: LedgerContext, compiled: CompiledControl): Promise<void> {
  if (compiled.control.groupBy !== null || verdictOf(compiled, NOTHING) === 0) return;
  const window = context.cache.windows.of(compiled.control, context.nowMs);
  const total = await moveBalance(context, compiled, window, TOTAL, NOTHING);
  await announce(context, compiled, window, TOTAL, total, null);
}

/** The total of a grouped control has no verdict of its own (DESIGN section 6). */
export function carriesVerdict(compiled: CompiledControl, groupKey: string): boolean {
  return (compiled.control.groupBy === null) === (groupKey === TOTAL);
}
