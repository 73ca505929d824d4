/** What an event of unknown price does to a control that counts money (I5). */
import type { AssumedPrice, BalanceValues, CompiledControl } from '../compile/compiled-control.js';
import type { LedgerContext } from './context.js';
import { type CountedEvent, contributionOf } from './counted-event.js';
import { divide } from './decimal.js';
import { noteEnforcement, writeEnforcement } from './enforcement-log.js';
import type { Window } from './windows.js';

/**
 * What an event adds to a control: the amount, and whether its price is unknown. Follows from the event and the control
 * alone, so that counting it again gives the same.
 */
export function deltaOf(compiled: CompiledControl, event: CountedEvent): BalanceValues {
  const { metricType } = compiled.control;
  const value = contributionOf(metricType, event);
  if (metricType !== 'TOTAL_COST' || !event.priceUnknown) return { value, unknownCount: 0n };
  const assumed = compiled.assumed === null ? 0n : assumedNanoUsd(compiled.assumed, event);
  // A part of the price may be known: then that is the least it cost.
  return { value: assumed > value ? assumed : value, unknownCount: 1n };
}

/** Rounded half up once, as every amount. */
function assumedNanoUsd(assumed: AssumedPrice, event: CountedEvent): bigint {
  const tokens = BigInt(Math.max(event.totalTokens, event.inputTokens + event.outputTokens));
  return divide(tokens * assumed.perMillionTokensNanoUsd, 1_000_000n) + assumed.perRequestNanoUsd;
}

/**
 * Once per control and window (for ROLLING: once while one is in the window): an amount of this control is a lower bound
 * from here on. Nothing where a price is assumed.
 */
export async function noteUnknownPrice(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  total: BalanceValues,
  transactionId: string | null,
): Promise<void> {
  if (compiled.assumed !== null) return;
  const { control } = compiled;
  const windowStartMs = window.startMs;
  const fromMs = control.windowType === 'ROLLING' ? windowStartMs - 60 * (window.endMs - windowStartMs) : windowStartMs;
  await writeEnforcement(context);
  const [already] = await context.sql.query('select-unknown-price-event', {
    controlId: control.id,
    fromMs,
    toMs: windowStartMs,
  });
  if (already !== undefined) return;
  await noteEnforcement(context, compiled, {
    kind: 'unknown-price',
    groupValue: null,
    value: total.value,
    windowStartMs,
    transactionId,
  });
  context.log.warn('an event without a known price was counted as 0 by a cost control; declare a price for its model', {
    control: control.name,
    transactionId,
  });
}
