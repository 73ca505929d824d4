/** The window of a control that is current, as the feed shows it and as its balances are found. */
import type { LedgerContext } from '../ledger/context.js';
import { HEAD_START_MS, standingOf } from '../ledger/rolling-balances.js';
import { spanOf } from '../ledger/rolling-window.js';
import { NEVER_MS } from '../ledger/window.js';
import type { WindowMemo } from '../ledger/window-memo.js';
import { windowOf } from '../ledger/windows.js';
import type { CostControl } from '../store/store.js';
import { type BalanceValues, type CompiledControl, verdictOf } from './compiled-control.js';

/** A window; plain data. */
export interface CurrentWindow {
  readonly startMs: number;
  readonly key: string;
  /** The start under which balances are kept; of a ROLLING control, of the rows that hold its sums. */
  readonly balanceStartMs: number;
  /** When a verdict ends by itself; `null`: never. */
  readonly resetsAtMs: number | null;
  /** From this instant on a feed that shows it is out of date. */
  readonly validUntilMs: number;
  /** Of a ROLLING control, the length of the buckets that its total loses one after the other; `null` for others. */
  readonly bucketMs: number | null;
}

/**
 * The window of a control at an instant. What a ROLLING one holds leaves it after 61 buckets at the latest: that is when
 * it resets where nothing better is known, and it is looked at again long before.
 */
export function currentWindow(control: CostControl, nowMs: number, windows?: WindowMemo): CurrentWindow {
  const window = windows === undefined ? windowOf(control, nowMs) : windows.of(control, nowMs);
  const { startMs, endMs, key } = window;
  if (control.windowType !== 'ROLLING') {
    const resetsAtMs = control.windowType === 'LIFETIME' ? null : endMs;
    return { startMs, key, balanceStartMs: startMs, resetsAtMs, validUntilMs: endMs, bucketMs: null };
  }
  const { fromMs, currentMs, bucketMs } = spanOf(window, nowMs);
  return {
    startMs: fromMs,
    key,
    balanceStartMs: HEAD_START_MS,
    resetsAtMs: currentMs + 61 * bucketMs,
    validUntilMs: currentMs + 30 * bucketMs,
    bucketMs,
  };
}

/**
 * A control's window with its total as the feed shows them: a ROLLING control that refuses tells the earliest time at
 * which it could fall below its limit.
 */
export async function windowShown(
  context: LedgerContext,
  compiled: CompiledControl,
  total: BalanceValues,
): Promise<{ readonly window: CurrentWindow; readonly total: BalanceValues }> {
  const { control } = compiled;
  const window = currentWindow(control, context.nowMs, context.cache.windows);
  const refuses = control.groupBy === null && verdictOf(compiled, total) === 2;
  if (control.windowType !== 'ROLLING' || !refuses) return { window, total };
  const { values, fallsAtMs } = await standingOf(context, compiled, '');
  const resetsAtMs = fallsAtMs >= NEVER_MS ? null : fallsAtMs;
  return { window: { ...window, resetsAtMs, validUntilMs: Math.min(window.validUntilMs, fallsAtMs) }, total: values };
}
