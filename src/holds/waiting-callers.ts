/** Which of the callers that wait can be served together, and what those can have who cannot. Pure. */
import type { RateBound } from '../bound/types.js';
import { meterOf } from './amounts.js';
import type { HoldNeed, HoldRefusal } from './hold-types.js';
import type { Affordable, HoldAnswer, HoldAsk } from './holder-types.js';
import type { Purse } from './purse.js';

/** A caller that waits for an answer. */
export interface Waiter {
  readonly ask: HoldAsk;
  answer(answer: HoldAnswer): void;
  /** Times that it was asked for alone, because more was free than had been known. */
  tries: number;
}

const FIELDS = ['inputTokensMax', 'outputTokensMax', 'images', 'characters', 'mediaSeconds'] as const;
const COUNTS = ['inputTokens', 'outputTokens', 'images', 'characters', 'mediaSeconds'] as const;

function sizes({ worst, expected }: HoldNeed): number[] {
  const most = FIELDS.map((field) => worst[field]);
  return [...most, ...COUNTS.map((field, index) => expected?.[field] ?? most[index]!)];
}

/** Whether `one` needs as much as `other` of everything, whatever a control counts. */
export function isAsLarge(one: HoldNeed, other: HoldNeed): boolean {
  const least = sizes(other);
  return sizes(one).every((size, index) => size >= least[index]!);
}

/** The one that needs the least, all in all. */
export function smallest(waiters: readonly Waiter[]): Waiter {
  const weight = (waiter: Waiter) => sizes(waiter.ask.need).reduce((sum, size) => sum + size, 0);
  let least = waiters[0]!;
  let leastWeight = weight(least);
  for (const waiter of waiters) {
    const one = weight(waiter);
    if (one < leastWeight) {
      least = waiter;
      leastWeight = one;
    }
  }
  return least;
}

/** What a purse sets aside for all of them. */
export function sumOf(purse: Purse, waiters: readonly Waiter[]): readonly bigint[] {
  const sum: bigint[] = [];
  for (const { ask } of waiters) {
    purse.amountsOf(ask.need).forEach((amount, index) => {
      sum[index] = (sum[index] ?? 0n) + amount;
    });
  }
  return sum;
}

/** Those that fit, in order, into what is free here and what controls said remains (`caps`, by control id). */
export function choose(purse: Purse, waiters: readonly Waiter[], caps: ReadonlyMap<string, bigint>): readonly Waiter[] {
  const room = [...caps].flatMap(([controlId, remaining]) => {
    const known = purse.of(controlId);
    return known === undefined ? [] : [{ index: known.index, left: remaining + known.free }];
  });
  return waiters.filter(({ ask }) => {
    const amounts = purse.amountsOf(ask.need);
    if (room.some(({ index, left }) => amounts[index]! > left)) return false;
    for (const one of room) one.left -= amounts[one.index]!;
    return true;
  });
}

/** What a refused call could have instead. */
export function affordable(
  { need, call }: HoldAsk,
  refusal: HoldRefusal,
  purse: Purse | undefined,
  rates: RateBound | undefined,
): Affordable | undefined {
  if (refusal.code !== 'BUDGET_EXCEEDED') return undefined;
  try {
    const remaining = BigInt(refusal.remaining);
    const known = purse?.of(refusal.controlId);
    if (known !== undefined) {
      return { outputTokensMax: known.meter.affordableOutput(need, remaining + (known.free > 0n ? known.free : 0n)) };
    }
    if (rates === undefined) return undefined;
    const meter = meterOf({ metric: refusal.metric, estimate: 'worst-case' }, rates, call.operationType);
    return { outputTokensMax: meter.affordableOutput(need, remaining) };
  } catch {
    // A refusal without a number is a refusal.
    return undefined;
  }
}
