/** The linear upper bounds of a price, prepared once and evaluated for each call. */
import type { CallCounts, RateBound, RateLine } from '../bound/types.js';
import type { HoldPart } from './hold-types.js';

/** A bound of a price. */
export interface Pricer {
  /** Nano-dollars at most, rounded up. */
  price(counts: CallCounts): bigint;
  /** The most output tokens with which such a call costs no more than `leftNano`; `undefined`: not even its input fits. */
  outputWithin(counts: CallCounts, leftNano: bigint): number | undefined;
}

/** Counts without gaps: whole and not negative. One that is no number, or has no end, is the largest there is (I5). */
export function fullCounts(counts: CallCounts): Required<CallCounts> {
  return {
    inputTokens: whole(counts.inputTokens),
    outputTokens: whole(counts.outputTokens),
    images: whole(counts.images ?? 0),
    characters: whole(counts.characters ?? 0),
    mediaSeconds: whole(counts.mediaSeconds ?? 0),
  };
}

/**
 * `undefined`: nobody knows the price, and nothing is assumed. Where a price is assumed and some of it is known, the
 * dearer of both counts, as in the ledger.
 *
 * @throws SyntaxError where an amount is no integer.
 */
export function pricerOf(rates: RateBound, assumed: HoldPart['assumedPrice']): Pricer | undefined {
  if (rates.state === 'unknown' && assumed === undefined) return undefined;
  const segments = rates.state === 'free' ? [] : rates.lines.flatMap(segmentsOf);
  if (rates.state === 'unknown' && assumed !== undefined) segments.push(assumedSegment(assumed));
  return pricerOfSegments(dearest(segments));
}

/** Without what another one is never below: it decides nothing, and each is looked at before each call. */
function dearest(segments: readonly Segment[]): readonly Segment[] {
  const kept: Segment[] = [];
  for (const segment of segments) {
    if (kept.some((other) => isNeverBelow(other, segment))) continue;
    for (let i = kept.length - 1; i >= 0; i -= 1) if (isNeverBelow(segment, kept[i]!)) kept.splice(i, 1);
    kept.push(segment);
  }
  return kept;
}

/** Whether `one` counts wherever `other` does, and every rate of it is as high. */
function isNeverBelow(one: Segment, other: Segment): boolean {
  return (
    one.aboveInputTokens <= other.aboveInputTokens &&
    one.scale === other.scale &&
    one.request >= other.request &&
    one.input >= other.input &&
    one.output >= other.output &&
    one.image >= other.image &&
    one.character >= other.character &&
    one.second >= other.second
  );
}

function pricerOfSegments(segments: readonly Segment[]): Pricer {
  return {
    price(given) {
      const counts = fullCounts(given);
      let most = 0;
      for (const segment of segments) {
        if (counts.inputTokens <= segment.aboveInputTokens) continue;
        const price = segment.isSmall ? quickPrice(segment, counts) : Number.NaN;
        // Above this, numbers are not exact.
        if (!(price <= Number.MAX_SAFE_INTEGER)) return exactMost(segments, counts);
        if (price > most) most = price;
      }
      return BigInt(most);
    },
    outputWithin(given, leftNano) {
      const counts = { ...fullCounts(given), outputTokens: 0 };
      let tokens = BigInt(Number.MAX_SAFE_INTEGER);
      for (const segment of segments) {
        if (counts.inputTokens <= segment.aboveInputTokens) continue;
        const left = (leftNano - segment.request) * segment.scale - exactSum(segment, counts);
        if (left < 0n) return undefined;
        if (segment.output > 0n && left / segment.output < tokens) tokens = left / segment.output;
      }
      return Number(tokens);
    },
  };
}

/** A line within one step: `request + ⌈Σ count × rate / scale⌉` where the input is longer than `aboveInputTokens`. */
interface Segment {
  readonly aboveInputTokens: number;
  readonly scale: bigint;
  readonly request: bigint;
  readonly input: bigint;
  readonly output: bigint;
  readonly image: bigint;
  readonly character: bigint;
  readonly second: bigint;
  /** Whether all of them are exact as numbers, which are these: */
  readonly isSmall: boolean;
  readonly numbers: Readonly<
    Record<'scale' | 'request' | 'input' | 'output' | 'image' | 'character' | 'second', number>
  >;
}

/**
 * Every step whose bound is passed counts with the whole input, not the last one alone: where a longer input is cheaper,
 * the bound of the input may be long while the input is not.
 */
function segmentsOf(line: RateLine): Segment[] {
  const rest = {
    scale: 1_000n,
    request: BigInt(line.requestNano),
    image: BigInt(line.imagePico),
    character: BigInt(line.characterPico),
    second: BigInt(line.secondPico),
  };
  const steps = line.steps.length > 0 ? line.steps : [{ aboveInputTokens: -1, inputPico: '0', outputPico: '0' }];
  return steps.map((step) =>
    segment({ ...rest, ...step, input: BigInt(step.inputPico), output: BigInt(step.outputPico) }),
  );
}

function assumedSegment(assumed: NonNullable<HoldPart['assumedPrice']>): Segment {
  const perMillion = BigInt(assumed.perMillionTokensNano);
  return segment({
    aboveInputTokens: -1,
    scale: 1_000_000n,
    request: BigInt(assumed.perRequestNano),
    input: perMillion,
    output: perMillion,
    image: 0n,
    character: 0n,
    second: 0n,
  });
}

function segment(exact: Omit<Segment, 'isSmall' | 'numbers'>): Segment {
  const { scale, request, input, output, image, character, second } = exact;
  const numbers = {
    scale: Number(scale),
    request: Number(request),
    input: Number(input),
    output: Number(output),
    image: Number(image),
    character: Number(character),
    second: Number(second),
  };
  const isSmall = Object.values(numbers).every((value) => value <= Number.MAX_SAFE_INTEGER && value >= 0);
  return { ...exact, numbers, isSmall };
}

/** A sum of products of whole numbers that comes out below 2^52 had nothing to round, nor has its quotient. `NaN` above. */
function quickPrice({ numbers }: Segment, counts: Required<CallCounts>): number {
  const sum =
    counts.inputTokens * numbers.input +
    counts.outputTokens * numbers.output +
    counts.images * numbers.image +
    counts.characters * numbers.character +
    counts.mediaSeconds * numbers.second;
  if (!(sum < SUM_MAX)) return Number.NaN;
  const units = Math.floor(sum / numbers.scale);
  return numbers.request + (units * numbers.scale < sum ? units + 1 : units);
}

const SUM_MAX = 2 ** 52;

function exactMost(segments: readonly Segment[], counts: Required<CallCounts>): bigint {
  let most = 0n;
  for (const segment of segments) {
    if (counts.inputTokens <= segment.aboveInputTokens) continue;
    const price = segment.request + (exactSum(segment, counts) + segment.scale - 1n) / segment.scale;
    if (price > most) most = price;
  }
  return most;
}

function exactSum(segment: Segment, counts: Required<CallCounts>): bigint {
  return (
    BigInt(counts.inputTokens) * segment.input +
    BigInt(counts.outputTokens) * segment.output +
    BigInt(counts.images) * segment.image +
    BigInt(counts.characters) * segment.character +
    BigInt(counts.mediaSeconds) * segment.second
  );
}

function whole(count: number): number {
  if (count <= 0) return 0;
  return count < Number.MAX_SAFE_INTEGER ? Math.ceil(count) : Number.MAX_SAFE_INTEGER;
}
