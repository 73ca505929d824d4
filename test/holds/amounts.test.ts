import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallBound, CallCounts, RateBound, RateLine } from '../../src/bound/types.js';
import { affordableOutput, amountOf, consumedAmount, type MeteredPart } from '../../src/holds/amounts.js';
import { HOLD_METRICS } from '../../src/holds/hold-types.js';

const COST: MeteredPart = { metric: 'TOTAL_COST', estimate: 'worst-case' };
const LINE: RateLine = {
  requestNano: '0',
  steps: [{ aboveInputTokens: -1, inputPico: '3000000', outputPico: '15000000' }],
  imagePico: '0',
  characterPico: '0',
  secondPico: '0',
};
const RATES: RateBound = { state: 'known', lines: [LINE] };
const UNKNOWN: RateBound = { state: 'unknown', lines: [] };

function bound(given: Partial<CallBound> = {}): CallBound {
  return {
    inputTokensMax: 100,
    outputTokensMax: 50,
    isOutputLimited: true,
    images: 0,
    characters: 0,
    mediaSeconds: 0,
    ...given,
  };
}

/** The definition, without any short cut. */
function naive(rates: RateBound, c: CallCounts): bigint {
  let most = 0n;
  for (const line of rates.lines) {
    for (const step of line.steps) {
      if (c.inputTokens <= step.aboveInputTokens) continue;
      const pico =
        BigInt(c.inputTokens) * BigInt(step.inputPico) +
        BigInt(c.outputTokens) * BigInt(step.outputPico) +
        BigInt(c.images ?? 0) * BigInt(line.imagePico) +
        BigInt(c.characters ?? 0) * BigInt(line.characterPico) +
        BigInt(c.mediaSeconds ?? 0) * BigInt(line.secondPico);
      const nano = BigInt(line.requestNano) + pico / 1000n + (pico % 1000n > 0n ? 1n : 0n);
      if (nano > most) most = nano;
    }
  }
  return most;
}

const rate = fc.oneof(fc.bigInt(0n, 10n ** 9n), fc.bigInt(0n, 10n ** 19n)).map(String);
const line = fc.record({
  requestNano: rate,
  imagePico: rate,
  characterPico: rate,
  secondPico: rate,
  steps: fc
    .array(fc.record({ inputPico: rate, outputPico: rate, aboveInputTokens: fc.nat(300_000) }), { maxLength: 2 })
    .chain((more) =>
      fc.record({ inputPico: rate, outputPico: rate }).map((first) => [{ ...first, aboveInputTokens: -1 }, ...more]),
    ),
});
const counts = fc.record({
  inputTokens: fc.oneof(fc.nat(10_000), fc.nat(10 ** 12)),
  outputTokens: fc.oneof(fc.nat(10_000), fc.nat(10 ** 12)),
  images: fc.nat(10),
  characters: fc.nat(10_000),
  mediaSeconds: fc.nat(1_000),
});

describe('what a call sets aside', () => {
  it('is its bound by the dearest line, rounded up', () => {
    expect(amountOf(COST, { worst: bound() }, RATES)).toBe(300_000n + 750_000n);
    const dearer: RateLine = { ...LINE, requestNano: '7', steps: [{ ...LINE.steps[0]!, outputPico: '15000001' }] };
    expect(amountOf(COST, { worst: bound() }, { state: 'known', lines: [LINE, dearer] })).toBe(1_050_008n);
  });

  it('is what the definition says, for any rates and counts', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 3 }), counts, (lines, c) => {
        const rates: RateBound = { state: 'known', lines };
        expect(consumedAmount(COST, c, rates)).toBe(naive(rates, c));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same where lines are never dearer than another one, in whatever order they come', () => {
    const few = fc.constantFrom('0', '1000', '3000000', '15000000');
    const step = fc.record({
      inputPico: few,
      outputPico: few,
      aboveInputTokens: fc.constantFrom(-1, 1_000, 200_000),
    });
    const alike = fc.record({
      requestNano: few,
      imagePico: few,
      characterPico: few,
      secondPico: few,
      steps: fc.array(step, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(alike, { minLength: 1, maxLength: 5 }), counts, (lines, c) => {
        expect(consumedAmount(COST, c, { state: 'known', lines })).toBe(naive({ state: 'known', lines }, c));
      }),
      { numRuns: 500 },
    );
  });

  it('is exact up to where numbers end, and beyond', () => {
    const near = fc.oneof(fc.constantFrom(2n ** 52n, 2n ** 53n, 2n ** 54n), fc.bigInt(2n ** 51n, 2n ** 54n));
    fc.assert(
      fc.property(near, fc.integer({ min: -2_000, max: 2_000 }), fc.constantFrom(1n, 7n, 1_000n), (sum, off, count) => {
        const inputPico = String((sum + BigInt(off)) / count);
        const rates: RateBound = {
          state: 'known',
          lines: [{ ...LINE, steps: [{ aboveInputTokens: -1, inputPico, outputPico: '1' }] }],
        };
        const c: CallCounts = { inputTokens: Number(count), outputTokens: Math.abs(off) };
        expect(consumedAmount(COST, c, rates)).toBe(naive(rates, c));
      }),
      { numRuns: 400 },
    );
  });

  it('never falls where a longer input is cheaper: the real input may be shorter', () => {
    const steps = [
      { aboveInputTokens: -1, inputPico: '9000', outputPico: '9000' },
      { aboveInputTokens: 1_000, inputPico: '1000', outputPico: '1000' },
    ];
    const worst = bound({ inputTokensMax: 1_001, outputTokensMax: 0 });
    expect(amountOf(COST, { worst }, { state: 'known', lines: [{ ...LINE, steps }] })).toBe(9_009n);
  });

  it('is what is expected under `expected`, and never above the bound', () => {
    const part: MeteredPart = { metric: 'TOTAL_COST', estimate: 'expected' };
    const expected: CallCounts = { inputTokens: 20, outputTokens: 10 };
    expect(amountOf(part, { worst: bound(), expected }, RATES)).toBe(60_000n + 150_000n);
    expect(amountOf(part, { worst: bound() }, RATES)).toBe(1_050_000n);
    expect(amountOf(COST, { worst: bound(), expected }, RATES)).toBe(1_050_000n);
    const wild: CallCounts = { inputTokens: 1e9, outputTokens: Number.NaN };
    expect(amountOf(part, { worst: bound(), expected: wild }, RATES)).toBe(1_050_000n);
  });

  it('is what its part assumes under `expected` too, where a call has no limit and nothing was learnt of such calls', () => {
    const part: MeteredPart = { metric: 'OUTPUT_TOKEN_COUNT', estimate: 'expected', assumedOutputTokens: 5 };
    const worst = bound({ outputTokensMax: 4_096, isOutputLimited: false });
    const asked = (outputTokens: number, of = worst) =>
      amountOf(part, { worst: of, expected: { inputTokens: 1, outputTokens } }, RATES);
    expect(asked(4_096)).toBe(5n);
    expect(asked(30)).toBe(30n);
    expect(asked(4_096, bound({ outputTokensMax: 4_096, isOutputLimited: true }))).toBe(4_096n);
  });

  it('is unknown where the price is, and what is assumed where something is (I5)', () => {
    expect(amountOf(COST, { worst: bound() }, UNKNOWN)).toBe('unknown');
    const assumedPrice = { perMillionTokensNano: '2000000001', perRequestNano: '11' };
    expect(amountOf({ ...COST, assumedPrice }, { worst: bound() }, UNKNOWN)).toBe(11n + 300_001n);
    expect(amountOf({ ...COST, assumedPrice }, { worst: bound() }, { state: 'unknown', lines: [LINE] })).toBe(
      1_050_000n,
    );
    expect(amountOf(COST, { worst: bound() }, { state: 'free', lines: [] })).toBe(0n);
  });

  it('counts what the metric counts', () => {
    const worst = bound({ images: 3, characters: 17 });
    const seen = Object.fromEntries(
      HOLD_METRICS.slice(1).map((metric) => [
        metric,
        amountOf({ metric, estimate: 'worst-case' }, { worst }, UNKNOWN, 'VIDEO'),
      ]),
    );
    expect(seen).toEqual({
      TOKEN_COUNT: 150n,
      INPUT_TOKEN_COUNT: 100n,
      OUTPUT_TOKEN_COUNT: 50n,
      CACHED_TOKEN_COUNT: 100n,
      IMAGE_COUNT: 3n,
      VIDEO_COUNT: 1n,
      AUDIO_COUNT: 0n,
      CHARACTER_COUNT: 17n,
    });
  });

  it('takes a count that is no number for the largest, and rounds parts up', () => {
    const odd: CallCounts = { inputTokens: Number.NaN, outputTokens: 0.2 };
    expect(consumedAmount({ metric: 'INPUT_TOKEN_COUNT', estimate: 'worst-case' }, odd, RATES)).toBe(2n ** 53n - 1n);
    expect(consumedAmount({ metric: 'OUTPUT_TOKEN_COUNT', estimate: 'worst-case' }, odd, RATES)).toBe(1n);
    expect(consumedAmount(COST, { inputTokens: -4, outputTokens: 0 }, RATES)).toBe(0n);
  });
});

describe('the output that can be had', () => {
  it('is the largest that fits, and one more does not', () => {
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 3 }),
        counts,
        fc.oneof(fc.bigInt(0n, 10n ** 12n), fc.bigInt(0n, 10n ** 24n)),
        fc.constantFrom('TOTAL_COST', 'TOKEN_COUNT', 'OUTPUT_TOKEN_COUNT', 'INPUT_TOKEN_COUNT' as const),
        (lines, c, left, metric) => {
          const rates: RateBound = { state: 'known', lines };
          const part: MeteredPart = { metric, estimate: 'worst-case' };
          const needOf = (outputTokensMax: number) => ({
            worst: bound({
              inputTokensMax: c.inputTokens,
              outputTokensMax,
              images: c.images,
              characters: c.characters,
            }),
          });
          const most = affordableOutput(part, needOf(c.outputTokens), rates, left);
          if (most > 0) expect(amountOf(part, needOf(most), rates)).toBeLessThanOrEqual(left);
          if (most < Number.MAX_SAFE_INTEGER) expect(amountOf(part, needOf(most + 1), rates)).toBeGreaterThan(left);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is without end where the estimate fits as it is, and below the estimate else', () => {
    const part: MeteredPart = { metric: 'OUTPUT_TOKEN_COUNT', estimate: 'expected' };
    const need = { worst: bound(), expected: { inputTokens: 0, outputTokens: 10 } };
    expect(affordableOutput(part, need, RATES, 10n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(affordableOutput(part, need, RATES, 9n)).toBe(9);
    expect(affordableOutput(COST, { worst: bound() }, UNKNOWN, 9n)).toBe(0);
  });
});

describe('a call that names no output limit', () => {
  const part: MeteredPart = { metric: 'OUTPUT_TOKEN_COUNT', estimate: 'worst-case', assumedOutputTokens: 500 };
  const two = bound({ outputTokensMax: 8_192, isOutputLimited: false });

  it('counts as what the control assumes, for each answer that it asks for', () => {
    expect(amountOf(part, { worst: two }, RATES)).toBe(1_000n);
    expect(amountOf(part, { worst: { ...two, assumedOutputTokens: 2_048 } }, RATES)).toBe(2_000n);
    const dollars = { ...COST, assumedOutputTokens: 500 };
    expect(amountOf(dollars, { worst: two }, RATES)).toBe(100n * 3_000n + 1_000n * 15_000n);
  });

  it('counts as its own limit where it has one', () => {
    expect(amountOf(part, { worst: bound({ outputTokensMax: 8_192 }) }, RATES)).toBe(8_192n);
  });
});
