/**
 * Balances of ROLLING controls. Each bucket has a row; the verdict stands on a row of its own, the head, whose value is
 * the sum when it was last taken. Without events a sum only falls, so the head is never below it.
 */
import { type BalanceValues, type CompiledControl, type VerdictLevel, verdictOf } from '../compile/compiled-control.js';
import { bigintOf, numberOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import type { BalanceKey, BookedBalance } from './balance-book.js';
import type { LedgerContext } from './context.js';
import { bucketLeavesAt, type RollingSpan, spanOf } from './rolling-window.js';
import { NEVER_MS, type Window } from './window.js';

/** The start of the row that carries the verdict: no bucket begins before the epoch. */
export const HEAD_START_MS = -1;

const NOTHING: BalanceValues = { value: 0n, unknownCount: 0n };

/** The head; `endMs` is the earliest time at which its verdict could change by itself. */
export function headOf(endMs = 0): Window {
  return { type: 'ROLLING', startMs: HEAD_START_MS, endMs, key: 'ROLLING' };
}

/** What counts now. */
export function spanNow(context: LedgerContext, control: CostControl): RollingSpan {
  return spanOf(context.cache.windows.of(control, context.nowMs), context.nowMs);
}

/** The rows and the sum that counting in one bucket of a group needs. */
export function rollingKeys(
  context: LedgerContext,
  control: CostControl,
  bucket: Window,
  groupKey: string,
): BalanceKey[] {
  const controlId = control.id;
  return [
    { controlId, window: bucket, groupKey, range: spanNow(context, control) },
    { controlId, window: headOf(), groupKey },
  ];
}

/** Whether a bucket counts now, or the row that carries the verdict is meant. */
export function countsNow(context: LedgerContext, control: CostControl, bucket: Window): boolean {
  if (bucket.startMs === HEAD_START_MS) return true;
  const { fromMs, toMs } = spanNow(context, control);
  return bucket.startMs >= fromMs && bucket.startMs <= toMs;
}

/**
 * Adds to a bucket, and returns what counts now with the verdict that was last told; of a bucket that does not count now,
 * itself.
 */
export async function moveBucket(
  context: LedgerContext,
  control: CostControl,
  bucket: Window,
  groupKey: string,
  delta: BalanceValues,
): Promise<BookedBalance> {
  if (!countsNow(context, control, bucket)) return context.balances.move(control.id, bucket, groupKey, delta);
  await context.balances.load(rollingKeys(context, control, bucket, groupKey));
  await context.balances.move(control.id, bucket, groupKey, delta);
  return sumAnew(context, control, groupKey);
}

/** Takes the sum of a group as it counts now and keeps it on the head. */
export async function sumAnew(context: LedgerContext, control: CostControl, groupKey: string): Promise<BookedBalance> {
  const { fromMs, toMs } = spanNow(context, control);
  const sum = await context.balances.sum({ controlId: control.id, groupKey, fromMs, toMs });
  const head = await context.balances.move(control.id, headOf(), groupKey, NOTHING);
  const fallen = { value: sum.value - head.value, unknownCount: sum.unknownCount - head.unknownCount };
  if (fallen.value === 0n && fallen.unknownCount === 0n) return head;
  return context.balances.move(control.id, headOf(), groupKey, fallen);
}

/** Where a verdict of a ROLLING control is noted: nothing can leave before the current bucket ends. */
export function headFor(context: LedgerContext, control: CostControl, verdict: VerdictLevel): Window {
  const span = spanNow(context, control);
  return headOf(verdict === 0 ? 0 : span.currentMs + span.bucketMs);
}

/** How a group of a ROLLING control stands now. */
export interface Standing {
  readonly values: BalanceValues;
  readonly verdict: VerdictLevel;
  /** The earliest time at which the verdict could fall by itself; {@link NEVER_MS} where it cannot. */
  readonly fallsAtMs: number;
}

/** Takes the buckets of a group one by one. A group of which nothing counts any more stands at nothing, even under a limit of 0. */
export async function standingOf(
  context: LedgerContext,
  compiled: CompiledControl,
  groupKey: string,
): Promise<Standing> {
  const { control } = compiled;
  const span = spanNow(context, control);
  const { fromMs, toMs } = span;
  const rows = await context.sql.query('select-buckets', { controlId: control.id, groupKey, fromMs, toMs });
  let values: BalanceValues = NOTHING;
  const buckets = rows.map((row) => ({
    startMs: numberOf(row, 'window_start_ms'),
    value: bigintOf(row, 'value'),
    unknownCount: bigintOf(row, 'unknown_count'),
  }));
  for (const bucket of buckets) values = plus(values, bucket, 1n);
  const isGroup = groupKey !== '';
  if (isGroup && buckets.length === 0) return { values, verdict: 0, fallsAtMs: NEVER_MS };
  const verdict = verdictOf(compiled, values);
  let left = values;
  for (const [i, bucket] of buckets.entries()) {
    left = plus(left, bucket, -1n);
    const empty = isGroup && i === buckets.length - 1;
    if (empty || verdictOf(compiled, left) < verdict) {
      return { values, verdict, fallsAtMs: bucketLeavesAt(span, bucket.startMs) };
    }
  }
  return { values, verdict, fallsAtMs: NEVER_MS };
}

function plus(sum: BalanceValues, bucket: BalanceValues, sign: bigint): BalanceValues {
  return {
    value: sum.value + sign * bucket.value,
    unknownCount: sum.unknownCount + sign * bucket.unknownCount,
  };
}
