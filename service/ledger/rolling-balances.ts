/**
 * Balances of ROLLING controls. Each bucket has a row; the verdict stands on a row of its own, the head, whose value is
 * the sum when it was last taken. Without events a sum only falls, so the head is never below it.
 */
import { type BalanceValues, type CompiledControl, type VerdictLevel, verdictOf } from '../compile/compiled-control.js';
import { bigintOf, numberOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import type { BalanceKey, BookedBalance } from './balance-book.js';
import type { LedgerContext } from './context.js';
import type { SumKey } from './rolling-sums.js';
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

/** A verdict that fell by itself, before what comes now. */
export type TellLapse = (
  before: Pick<BookedBalance, 'announced' | 'unknownCount' | 'value'>,
  verdict: VerdictLevel,
) => Promise<unknown>;

/**
 * Adds to a bucket, and returns what counts now with the verdict that was last told; of a bucket that does not count now,
 * itself. A verdict that fell while nobody turned the windows is told before: a feed that has dropped it already would not
 * hear that it is back.
 */
export async function moveBucket(
  context: LedgerContext,
  compiled: CompiledControl,
  bucket: Window,
  groupKey: string,
  delta: BalanceValues,
  tellLapse: TellLapse,
): Promise<BookedBalance> {
  const { control } = compiled;
  const { balances } = context;
  const span = spanNow(context, control);
  if (bucket.startMs < span.fromMs || bucket.startMs > span.toMs) {
    return balances.move(control.id, bucket, groupKey, delta);
  }
  const head = headOf();
  await balances.load([
    { controlId: control.id, window: bucket, groupKey, range: span },
    { controlId: control.id, window: head, groupKey },
  ]);
  const key = { controlId: control.id, groupKey, fromMs: span.fromMs, toMs: span.toMs };
  const { announced } = await balances.read(control.id, head, groupKey);
  if (announced > 0) {
    const { value, unknownCount, any } = await balances.sum(key);
    const verdict = groupKey === '' || any ? verdictOf(compiled, { value, unknownCount }) : 0;
    if (verdict < announced) await tellLapse({ value, unknownCount, announced }, verdict);
  }
  await balances.move(control.id, bucket, groupKey, delta);
  return keepSum(context, key, head);
}

/** Takes the sum of a group as it counts now and keeps it on the head. */
export async function sumAnew(context: LedgerContext, control: CostControl, groupKey: string): Promise<BookedBalance> {
  const { fromMs, toMs } = spanNow(context, control);
  return keepSum(context, { controlId: control.id, groupKey, fromMs, toMs }, headOf());
}

async function keepSum({ balances }: LedgerContext, key: SumKey, head: Window): Promise<BookedBalance> {
  const { controlId, groupKey } = key;
  const sum = await balances.sum(key);
  const kept = await balances.read(controlId, head, groupKey);
  const rise = { value: sum.value - kept.value, unknownCount: sum.unknownCount - kept.unknownCount };
  return balances.move(controlId, head, groupKey, rise);
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
