/** Moving balances and announcing what follows from them. */
import {
  type BalanceValues,
  type CompiledControl,
  groupOf,
  type VerdictLevel,
  verdictOf,
} from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import { bigintOf, type SqlRow } from '../store/sql.js';
import type { CostControl, EnforcementEvent } from '../store/store.js';
import type { BalanceKey } from './balance-book.js';
import type { LedgerContext } from './context.js';
import { moveRevision } from './context.js';
import { type CountedEvent, countedAtOf } from './counted-event.js';
import { noteEnforcement } from './enforcement-log.js';
import { noteOverrun, type Settlement } from './holds/overruns.js';
import { countsNow, headFor, headOf, moveBucket, rollingKeys, spanNow } from './rolling-balances.js';
import { deltaOf, noteUnknownPrice } from './unknown-price.js';
import type { Window } from './windows.js';

/** The group of the row that holds the total of a control. */
export const TOTAL = '';

/** A balance as it is kept. */
export interface Balance extends BalanceValues {
  /** The verdict that was last told. */
  readonly announced: VerdictLevel;
}

/** Reads a balance row. */
export function balanceOf(row: SqlRow): Balance {
  return {
    value: bigintOf(row, 'value'),
    unknownCount: bigintOf(row, 'unknown_count'),
    announced: Number(bigintOf(row, 'announced')) as VerdictLevel,
  };
}

/** The balances that {@link countEvent} will move, so that those of many events are read together. */
export function balanceKeysOf(context: LedgerContext, compiled: CompiledControl, event: CountedEvent): BalanceKey[] {
  const { control } = compiled;
  const window = context.cache.windows.of(control, countedAtOf(event, control.id));
  const group = groupOf(control, event);
  return group === undefined || group === TOTAL
    ? keysIn(context, control, window, TOTAL)
    : [...keysIn(context, control, window, TOTAL), ...keysIn(context, control, window, group)];
}

/** The balances of one group that an event of a window moves. */
export function keysIn(context: LedgerContext, control: CostControl, window: Window, groupKey: string): BalanceKey[] {
  if (control.windowType === 'ROLLING') return rollingKeys(context, control, window, groupKey);
  return [{ controlId: control.id, window, groupKey }];
}

/**
 * Counts an event under one control: its total and its group. With `before`, the event as it was counted until now, only
 * the difference. What it spends above the limit of a hard control is its overrun; `settlement`: the hold that it names.
 * Returns whether a verdict changed.
 */
export async function countEvent(
  context: LedgerContext,
  compiled: CompiledControl,
  event: CountedEvent,
  transactionId: string,
  before?: CountedEvent,
  settlement?: Settlement,
): Promise<boolean> {
  const { control } = compiled;
  const window = context.cache.windows.of(control, countedAtOf(event, control.id));
  if (window.startMs < countedFrom(compiled)) return false;
  const delta = before === undefined ? deltaOf(compiled, event) : differenceOf(compiled, before, event);
  // An event that adds nothing moves nothing; only a limit of 0 is tripped by it.
  const isNothing = delta.value === 0n && delta.unknownCount === 0n;
  if (isNothing && (before !== undefined || compiled.limit > 0n)) return false;
  const total = await moveBalance(context, compiled, window, TOTAL, delta);
  let changed = false;
  if (control.groupBy === null) {
    changed = await announce(context, compiled, window, TOTAL, total, transactionId);
    const spent = { window, groupKey: TOTAL, delta: delta.value, value: total.value };
    await noteOverrun(context, compiled, spent, transactionId, settlement);
  } else {
    const group = groupOf(control, event);
    if (group !== undefined && group !== TOTAL) {
      const balance = await moveBalance(context, compiled, window, group, delta);
      changed = await announce(context, compiled, window, group, balance, transactionId);
      const spent = { window, groupKey: group, delta: delta.value, value: balance.value };
      await noteOverrun(context, compiled, spent, transactionId, settlement);
    }
  }
  if (delta.unknownCount > 0n && total.unknownCount === 1n) {
    await noteUnknownPrice(context, compiled, window, total, transactionId);
  }
  context.effects.touched.add(control.teamId);
  return changed;
}

/** What a new price of an event adds; what it takes away is negative. */
function differenceOf(compiled: CompiledControl, before: CountedEvent, after: CountedEvent): BalanceValues {
  const [was, is] = [deltaOf(compiled, before), deltaOf(compiled, after)];
  return { value: is.value - was.value, unknownCount: is.unknownCount - was.unknownCount };
}

/** Events of windows before this are not counted: the control was made or rescoped later. */
function countedFrom(compiled: CompiledControl): number {
  return compiled.control.countedFromMs ?? 0;
}

/** Adds to one balance and returns it as it is now; of a ROLLING control all that counts now, not the bucket alone. */
export async function moveBalance(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  groupKey: string,
  delta: BalanceValues,
): Promise<Balance> {
  const { control } = compiled;
  if (control.windowType === 'ROLLING') {
    return moveBucket(context, compiled, window, groupKey, delta, (before, verdict) =>
      tellVerdict(context, compiled, headOf(), groupKey, before, null, verdict),
    );
  }
  return context.balances.move(control.id, window, groupKey, delta);
}

/**
 * Tells a verdict that changed: writes the enforcement event and moves the team's revision. Only the current window
 * has verdicts; a late event of the last one moves its balance and nothing else (I13). Returns whether one changed.
 */
export async function announce(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  groupKey: string,
  balance: Balance,
  transactionId: string | null,
): Promise<boolean> {
  return tellVerdict(context, compiled, window, groupKey, balance, transactionId, verdictOf(compiled, balance));
}

/** As {@link announce}, of a verdict that does not follow from the balance alone. */
export async function tellVerdict(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  groupKey: string,
  balance: Balance,
  transactionId: string | null,
  verdict: VerdictLevel,
): Promise<boolean> {
  if (verdict === balance.announced) return false;
  const { control } = compiled;
  const rolling = control.windowType === 'ROLLING';
  if (!(rolling ? countsNow(context, control, window) : isWithin(window, context.nowMs))) return false;
  const place = rolling ? headFor(context, control, verdict) : window;
  await context.balances.announce(control.id, place, groupKey, verdict);
  const kind = kindOf(verdict, balance.announced, control.shadowMode);
  if (kind !== undefined) {
    const groupValue = groupKey === TOTAL ? null : groupKey;
    const windowStartMs = rolling ? spanNow(context, control).fromMs : window.startMs;
    const note = { kind, groupValue, value: balance.value, windowStartMs, transactionId };
    await noteEnforcement(context, compiled, note);
  }
  // When a ROLLING control resets is known when it trips.
  noteFeedChange(context, control.teamId, control.id, rolling && groupKey === TOTAL ? WHOLE_CONTROL : groupKey);
  await moveRevision(context, control.teamId);
  return true;
}

function kindOf(
  verdict: VerdictLevel,
  before: VerdictLevel,
  shadow: boolean,
): Exclude<EnforcementEvent['kind'], 'refusal'> | undefined {
  if (verdict === 2) return shadow ? 'shadow' : 'trip';
  if (before === 2) return shadow ? undefined : 'reset';
  return verdict === 1 ? 'warn' : undefined;
}

function isWithin(window: Window, atMs: number): boolean {
  return atMs >= window.startMs && atMs < window.endMs;
}
