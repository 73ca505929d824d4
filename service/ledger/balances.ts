/** Moving balances and announcing what follows from them. */
import {
  type BalanceValues,
  type CompiledControl,
  groupOf,
  type VerdictLevel,
  verdictOf,
} from '../compile/compiled-control.js';
import { bigintOf, type SqlRow } from '../store/sql.js';
import type { EnforcementEvent } from '../store/store.js';
import type { BalanceKey } from './balance-book.js';
import type { LedgerContext } from './context.js';
import { moveRevision } from './context.js';
import { type CountedEvent, contributionOf } from './counted-event.js';
import { noteEnforcement } from './enforcement-log.js';
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

/** What an event adds to a control: the amount, and whether its price is unknown to a control that counts money. */
export function deltaOf(compiled: CompiledControl, event: CountedEvent): BalanceValues {
  const { metricType } = compiled.control;
  const unknown = metricType === 'TOTAL_COST' && event.priceUnknown;
  return { value: contributionOf(metricType, event), unknownCount: unknown ? 1n : 0n };
}

/** The balances that {@link countEvent} will move, so that those of many events are read together. */
export function balanceKeysOf(context: LedgerContext, compiled: CompiledControl, event: CountedEvent): BalanceKey[] {
  const { control } = compiled;
  const window = context.cache.windows.of(control.windowType, event.windowTimeMs);
  const keys = [{ controlId: control.id, window, groupKey: TOTAL }];
  const group = groupOf(control, event);
  if (group !== undefined && group !== TOTAL) keys.push({ controlId: control.id, window, groupKey: group });
  return keys;
}

/** Counts an event under one control: its total and its group. Returns whether a verdict changed. */
export async function countEvent(
  context: LedgerContext,
  compiled: CompiledControl,
  event: CountedEvent,
  transactionId: string,
): Promise<boolean> {
  const { control } = compiled;
  const window = context.cache.windows.of(control.windowType, event.windowTimeMs);
  if (window.startMs < countedFrom(compiled)) return false;
  const delta = deltaOf(compiled, event);
  // An event that adds nothing moves nothing; only a limit of 0 is tripped by it.
  if (delta.value === 0n && delta.unknownCount === 0n && compiled.limit > 0n) return false;
  const total = await moveBalance(context, compiled, window, TOTAL, delta);
  let changed = false;
  if (control.groupBy === null) {
    changed = await announce(context, compiled, window, TOTAL, total, transactionId);
  } else {
    const group = groupOf(control, event);
    if (group !== undefined && group !== TOTAL) {
      const balance = await moveBalance(context, compiled, window, group, delta);
      changed = await announce(context, compiled, window, group, balance, transactionId);
    }
  }
  if (delta.unknownCount > 0n && total.unknownCount === 1n) {
    await noteUnknownPrice(context, compiled, window, total, transactionId);
  }
  context.effects.touched.add(control.teamId);
  return changed;
}

/** Events of windows before this are not counted: the control was made or rescoped later. */
function countedFrom(compiled: CompiledControl): number {
  return compiled.control.countedFromMs ?? 0;
}

/** Adds to one balance and returns it as it is now. */
export async function moveBalance(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  groupKey: string,
  delta: BalanceValues,
): Promise<Balance> {
  return context.balances.move(compiled.control.id, window, groupKey, delta);
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
  const verdict = verdictOf(compiled, balance);
  if (verdict === balance.announced) return false;
  if (context.nowMs < window.startMs || context.nowMs >= window.endMs) return false;
  const { control } = compiled;
  await context.balances.announce(control.id, window, groupKey, verdict);
  const kind = kindOf(verdict, balance.announced, control.shadowMode);
  if (kind !== undefined) {
    const groupValue = groupKey === TOTAL ? null : groupKey;
    const note = { kind, groupValue, value: balance.value, windowStartMs: window.startMs, transactionId };
    await noteEnforcement(context, compiled, note);
  }
  await moveRevision(context, control.teamId);
  return true;
}

function kindOf(verdict: VerdictLevel, before: VerdictLevel, shadow: boolean): EnforcementEvent['kind'] | undefined {
  if (verdict === 2) return shadow ? 'shadow' : 'trip';
  if (before === 2) return shadow ? undefined : 'reset';
  return verdict === 1 ? 'warn' : undefined;
}

/** Once per control and window: an amount of this control is a lower bound from here on (I5). */
export async function noteUnknownPrice(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  total: Balance,
  transactionId: string | null,
): Promise<void> {
  const key = { controlId: compiled.control.id, windowStartMs: window.startMs };
  const [already] = await context.sql.query('select-unknown-price-event', key);
  if (already !== undefined) return;
  await noteEnforcement(context, compiled, {
    kind: 'unknown-price',
    groupValue: null,
    value: total.value,
    windowStartMs: window.startMs,
    transactionId,
  });
  context.log.warn('an event without a known price was counted as 0 by a cost control; declare a price for its model', {
    control: compiled.control.name,
    transactionId,
  });
}
