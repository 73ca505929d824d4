/**
 * What calls count as under the part of a hold, at most: the one arithmetic of the service and of every holder. Exact; by
 * plain numbers wherever they are exact, because it runs before each call.
 */
import { ASSUMED_OUTPUT_TOKENS, type CallBound, type CallCounts, type RateBound } from '../bound/types.js';
import type { OperationType } from '../providers/adapter.js';
import type { HoldNeed, HoldPart } from './hold-types.js';
import { fullCounts, pricerOf } from './rate-lines.js';

/** What of a part decides what a call counts as. */
export type MeteredPart = Pick<HoldPart, 'metric' | 'estimate' | 'assumedPrice'> &
  Partial<Pick<HoldPart, 'assumedOutputTokens'>>;

/** One part with the prices of one kind of call, prepared once for many calls. */
export interface PartMeter {
  /** What a call is to set aside. `unknown`: nobody knows what it costs, and nothing is assumed. */
  amount(need: HoldNeed): bigint | 'unknown';
  /** What an ended call counts as, at most. Of unknown price without an assumption: 0, as in the ledger, which flags it. */
  consumed(counts: CallCounts): bigint;
  /** {@link affordableOutput} */
  affordableOutput(need: HoldNeed, left: bigint): number;
}

/**
 * Prepares a part. `operationType` is that of the calls: those of another kind count nothing under VIDEO_COUNT and
 * AUDIO_COUNT. Left out: each call counts 1 there.
 *
 * @throws SyntaxError where an amount of `rates` or of the part is no integer.
 */
export function meterOf(part: MeteredPart, rates: RateBound, operationType?: OperationType): PartMeter {
  const pricer = part.metric === 'TOTAL_COST' ? pricerOf(rates, part.assumedPrice) : undefined;
  const countsOf = (need: HoldNeed) =>
    part.estimate === 'expected' && need.expected !== undefined
      ? expectedWithin(need.expected, need.worst, part)
      : worstCounts(need.worst, part);
  if (part.metric === 'TOTAL_COST') {
    return {
      amount: (need) => (pricer === undefined ? 'unknown' : pricer.price(countsOf(need))),
      consumed: (counts) => pricer?.price(counts) ?? 0n,
      affordableOutput: (need, left) => limitFor(countsOf(need), pricer?.outputWithin(countsOf(need), left)),
    };
  }
  const count = counterOf(part, operationType);
  return {
    amount: (need) => count(countsOf(need)),
    consumed: count,
    affordableOutput(need, left) {
      const counts = countsOf(need);
      const fixed = count({ ...counts, outputTokens: 0 });
      const perToken = count({ ...counts, outputTokens: 1 }) - fixed;
      if (fixed > left) return 0;
      return limitFor(counts, perToken === 0n ? Number.MAX_SAFE_INTEGER : atMost(left - fixed));
    },
  };
}

/** What a call is to set aside under a part, by its `estimate`. `unknown`: its price is, and nothing is assumed. */
export function amountOf(
  part: MeteredPart,
  need: HoldNeed,
  rates: RateBound,
  operationType?: OperationType,
): bigint | 'unknown' {
  return meterOf(part, rates, operationType).amount(need);
}

/** What an ended call counts as under a part, at most; see {@link PartMeter.consumed}. */
export function consumedAmount(
  part: MeteredPart,
  counts: CallCounts,
  rates: RateBound,
  operationType?: OperationType,
): bigint {
  return meterOf(part, rates, operationType).consumed(counts);
}

/**
 * The largest output limit under which a call fits into `left`; 0: none, or not even its input fits. May be above the
 * call's own limit: `Number.MAX_SAFE_INTEGER` where output costs nothing, or where the estimate fits whatever the limit.
 */
export function affordableOutput(
  part: MeteredPart,
  need: HoldNeed,
  rates: RateBound,
  left: bigint,
  operationType?: OperationType,
): number {
  return meterOf(part, rates, operationType).affordableOutput(need, left);
}

/** An estimate that fits as it is holds under any limit; else the limit has to be below it. */
function limitFor(counts: CallCounts & { readonly isExpected?: boolean }, tokens: number | undefined): number {
  if (tokens === undefined) return 0;
  return counts.isExpected === true && tokens >= counts.outputTokens ? Number.MAX_SAFE_INTEGER : tokens;
}

/** The output tokens that a part holds for a call: its own assumption where the call names no limit. */
export function outputTokensOf(worst: CallBound, { assumedOutputTokens }: Pick<MeteredPart, 'assumedOutputTokens'>) {
  const { outputTokensMax, isOutputLimited } = worst;
  const base = worst.assumedOutputTokens ?? ASSUMED_OUTPUT_TOKENS;
  if (isOutputLimited || assumedOutputTokens === undefined || assumedOutputTokens === base) return outputTokensMax;
  return Math.min(Math.ceil((outputTokensMax / base) * assumedOutputTokens), Number.MAX_SAFE_INTEGER);
}

/**
 * The output limit that a call is given because it names none and a part wants one: what the part assumes that assumes the
 * least. `undefined`: none.
 */
export function limitToInject(
  parts: readonly Pick<HoldPart, 'outputLimit' | 'assumedOutputTokens'>[],
  worst: CallBound,
): number | undefined {
  if (worst.isOutputLimited || worst.outputTokensMax === 0) return undefined;
  const wanted = parts.filter(({ outputLimit }) => outputLimit === 'inject');
  return wanted.length === 0 ? undefined : Math.min(...wanted.map((part) => outputTokensOf(worst, part)));
}

function worstCounts(worst: CallBound, part: MeteredPart): CallCounts {
  return {
    inputTokens: worst.inputTokensMax,
    outputTokens: outputTokensOf(worst, part),
    images: worst.images,
    characters: worst.characters,
    mediaSeconds: worst.mediaSeconds,
  };
}

/**
 * What is expected is never above the bound; what it leaves open is taken from there. An output that is as long as the bound
 * of a call without a limit was learnt from nobody: the part's own assumption stands then.
 */
function expectedWithin(
  expected: CallCounts,
  worst: CallBound,
  part: MeteredPart,
): CallCounts & { readonly isExpected: true } {
  const within = (value: number | undefined, most: number) =>
    value === undefined || Number.isNaN(value) ? most : worst.unbounded === undefined ? Math.min(value, most) : value;
  const output = within(expected.outputTokens, worst.outputTokensMax);
  return {
    inputTokens: within(expected.inputTokens, worst.inputTokensMax),
    outputTokens: output === worst.outputTokensMax ? outputTokensOf(worst, part) : output,
    images: within(expected.images, worst.images),
    characters: within(expected.characters, worst.characters),
    mediaSeconds: within(expected.mediaSeconds, worst.mediaSeconds),
    isExpected: true,
  };
}

function counterOf(part: MeteredPart, operationType: OperationType | undefined): (counts: CallCounts) => bigint {
  const onceFor = (kind: OperationType) => {
    const each = operationType === undefined || operationType === kind ? 1n : 0n;
    return () => each;
  };
  switch (part.metric) {
    case 'INPUT_TOKEN_COUNT':
    case 'CACHED_TOKEN_COUNT':
      return (counts) => BigInt(fullCounts(counts).inputTokens);
    case 'OUTPUT_TOKEN_COUNT':
      return (counts) => BigInt(fullCounts(counts).outputTokens);
    case 'IMAGE_COUNT':
      return (counts) => BigInt(fullCounts(counts).images);
    case 'CHARACTER_COUNT':
      return (counts) => BigInt(fullCounts(counts).characters);
    case 'VIDEO_COUNT':
      return onceFor('VIDEO');
    case 'AUDIO_COUNT':
      return onceFor('AUDIO');
    // TOTAL_COST does not come here; a metric of a newer service is taken for the largest count.
    default:
      return (counts) => {
        const full = fullCounts(counts);
        return BigInt(full.inputTokens) + BigInt(full.outputTokens);
      };
  }
}

function atMost(tokens: bigint): number {
  return tokens > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(tokens);
}
