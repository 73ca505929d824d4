/** Balances as the plain sum of events: for filling a new control and for verifying a kept one. */
import { type BalanceValues, type CompiledControl, groupOf } from '../compile/compiled-control.js';
import { covers } from '../compile/team-scope.js';
import { TOTAL } from './balances.js';
import { type CountedEvent, countedAtOf } from './counted-event.js';
import { deltaOf } from './unknown-price.js';
import type { WindowMemo } from './window-memo.js';

/** Window start to group to sum. Sums of nothing are left out. */
export type SummedBalances = Map<number, Map<string, BalanceValues>>;

/** Adds an event to the sums of a control, if it covers it. */
export function addToSums(
  sums: SummedBalances,
  compiled: CompiledControl,
  event: CountedEvent,
  windows: WindowMemo,
): void {
  const { control } = compiled;
  const { startMs } = windows.of(control, countedAtOf(event, control.id));
  if (startMs < (control.countedFromMs ?? 0) || !covers(compiled, event)) return;
  const delta = deltaOf(compiled, event);
  if (delta.value === 0n && delta.unknownCount === 0n && compiled.limit > 0n) return;
  let groups = sums.get(startMs);
  if (groups === undefined) {
    groups = new Map();
    sums.set(startMs, groups);
  }
  addTo(groups, TOTAL, delta);
  const group = groupOf(control, event);
  if (group !== undefined && group !== TOTAL) addTo(groups, group, delta);
}

/** Adds what a hold was charged to the sums of a control. */
export function addCharge(
  sums: SummedBalances,
  { control }: CompiledControl,
  {
    windowStartMs,
    groupKey,
    entry,
  }: { readonly windowStartMs: number; readonly groupKey: string; readonly entry: bigint },
  windows: WindowMemo,
): void {
  const { startMs } = windows.of(control, windowStartMs);
  if (entry === 0n || startMs < (control.countedFromMs ?? 0)) return;
  const groups = sums.get(startMs) ?? new Map<string, BalanceValues>();
  sums.set(startMs, groups);
  const delta = { value: entry, unknownCount: 0n };
  addTo(groups, TOTAL, delta);
  if (groupKey !== TOTAL) addTo(groups, groupKey, delta);
}

function addTo(groups: Map<string, BalanceValues>, key: string, delta: BalanceValues): void {
  const sum = groups.get(key);
  groups.set(key, {
    value: (sum?.value ?? 0n) + delta.value,
    unknownCount: (sum?.unknownCount ?? 0n) + delta.unknownCount,
  });
}
