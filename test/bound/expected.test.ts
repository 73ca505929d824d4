import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedCounts } from '../../src/bound/expected.js';
import { CALLS_MIN, KEYS_MAX, OutputStatistics } from '../../src/bound/output-statistics.js';
import type { CallBound } from '../../src/bound/types.js';

const BOUND: CallBound = {
  inputTokensMax: 1_000,
  outputTokensMax: 4_096,
  isOutputLimited: false,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
  hasSound: false,
};

describe('the lengths of answers', () => {
  it('say nothing before there are fifty of them, for each model and caller alone', () => {
    const outputs = new OutputStatistics();
    for (let i = 1; i < CALLS_MIN; i += 1) outputs.observe('m', 'a', 10);
    outputs.observe('m', 'b', 10);
    outputs.observe('n', 'a', 10);
    expect(outputs.p99('m', 'a')).toBeUndefined();
    outputs.observe('m', 'a', 10);
    expect(outputs.p99('m', 'a')).toBe(11);
    expect(outputs.p99('m', 'b')).toBeUndefined();
    expect(outputs.p99('', '')).toBeUndefined();
  });

  it('are at least what 99 of 100 had, and at most 9 % more', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: CALLS_MIN, maxLength: 400 });
    fc.assert(
      fc.property(lengths, (given) => {
        const outputs = new OutputStatistics();
        for (const length of given) outputs.observe('m', 'a', length);
        const sorted = [...given].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
        const p99 = outputs.p99('m', 'a') ?? -1;
        expect(p99).toBeGreaterThanOrEqual(exact);
        expect(p99).toBeLessThanOrEqual(Math.ceil(Math.max(1, exact) * 2 ** (1 / 8)) + 1);
      }),
    );
  });

  it('follow a habit that changes', () => {
    const outputs = new OutputStatistics();
    for (let i = 0; i < 5_000; i += 1) outputs.observe('m', 'a', 4_000);
    for (let i = 0; i < 8_000; i += 1) outputs.observe('m', 'a', 100);
    expect(outputs.p99('m', 'a')).toBeLessThan(120);
  });

  it('are kept of so many callers and no more, and those stay that call', () => {
    const outputs = new OutputStatistics();
    for (let i = 0; i < CALLS_MIN; i += 1) outputs.observe('m', 'regular', 7);
    for (let i = 0; i < KEYS_MAX * 3; i += 1) {
      outputs.observe('m', `${i}`.repeat(1_000), 1);
      if (i % 100 === 0) outputs.observe('m', 'regular', 7);
    }
    expect(outputs.keys).toBe(KEYS_MAX);
    expect(outputs.p99('m', 'regular')).toBe(8);
  });

  it('pass over what is no count, and take any length', () => {
    const outputs = new OutputStatistics();
    for (const odd of [Number.NaN, -1, Number.POSITIVE_INFINITY]) outputs.observe('m', 'a', odd);
    expect(outputs.keys).toBe(0);
    for (let i = 0; i < CALLS_MIN; i += 1) outputs.observe('m', 'a', Number.MAX_SAFE_INTEGER);
    expect(outputs.p99('m', 'a')).toBe(2 ** 24);
  });
});

describe('what a call is expected to consume', () => {
  const estimator = { estimate: (text: string) => text.length, loaded: Promise.resolve() };
  const request = { model: 'm', promptText: () => 'x'.repeat(40) };

  it('is the estimate of its text, and the answers that its caller gets', () => {
    const outputs = new OutputStatistics();
    expect(expectedCounts({ estimator, outputs }, request, BOUND, 'a')).toMatchObject({
      inputTokens: 40,
      outputTokens: 4_096,
    });
    for (let i = 0; i < CALLS_MIN; i += 1) outputs.observe('m', 'a', 100);
    expect(expectedCounts({ estimator, outputs }, request, BOUND, 'a').outputTokens).toBeLessThan(120);
    expect(expectedCounts({ estimator, outputs }, request, BOUND, 'b').outputTokens).toBe(4_096);
  });

  it('is never above the bound, and the bound where images or sound are in it or nothing can be estimated', () => {
    const outputs = new OutputStatistics();
    for (let i = 0; i < CALLS_MIN; i += 1) outputs.observe('m', 'a', 9_000);
    const of = (changed: object, bound: CallBound = BOUND) =>
      expectedCounts({ estimator, outputs }, { ...request, ...changed }, bound, 'a');
    expect(of({ promptText: () => 'x'.repeat(5_000) })).toMatchObject({ inputTokens: 1_000, outputTokens: 4_096 });
    expect(of({ hasVisionContent: true }).inputTokens).toBe(1_000);
    expect(of({}, { ...BOUND, hasSound: true }).inputTokens).toBe(1_000);
    const throws = () => {
      throw new Error('no text');
    };
    expect(of({ promptText: throws }).inputTokens).toBe(1_000);
  });
});
