import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ratesKeyOf, ratesNumberOf } from '../../src/bound/rates-key.js';
import type { CallBound } from '../../src/bound/types.js';
import { scopeKey } from '../../src/holds/scope-key.js';

const BOUND: CallBound = {
  inputTokensMax: 10,
  outputTokensMax: 10,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
};
const CALL = { dimensions: {}, provider: 'P', modelSource: 'P', model: 'm', operationType: 'IMAGE' } as const;

const some = fc.constantFrom(0, 1, 5_000);
const anyBound = fc.record(
  {
    inputTokensMax: some,
    outputTokensMax: some,
    isOutputLimited: fc.boolean(),
    images: some,
    characters: some,
    mediaSeconds: some,
    cacheWrites: fc.constantFrom('none' as const, 'short' as const, 'long' as const),
    hasSound: fc.boolean(),
    tiers: fc.constantFrom<string[]>([], [], ['fast']),
    unbounded: fc.constantFrom('a search', 'a file'),
  },
  {
    requiredKeys: ['inputTokensMax', 'outputTokensMax', 'isOutputLimited', 'images', 'characters', 'mediaSeconds'],
  },
);

describe('what the rates of a call depend on', () => {
  it('is one number exactly where it is one text, and no number where it depends on tiers', () => {
    fc.assert(
      fc.property(anyBound, anyBound, (one, other) => {
        const [first, second] = [ratesNumberOf(one), ratesNumberOf(other)];
        expect(first === undefined).toBe((one.tiers ?? []).length > 0);
        if (first === undefined || second === undefined) return;
        expect(first === second).toBe(ratesKeyOf(one) === ratesKeyOf(other));
      }),
      { numRuns: 400 },
    );
  });

  it('is the same for calls of other sizes, and another for what has other rates', () => {
    expect(ratesKeyOf({ ...BOUND, inputTokensMax: 9_999, isOutputLimited: false })).toBe(ratesKeyOf(BOUND));
    const others: Partial<CallBound>[] = [
      { outputTokensMax: 0 },
      { inputTokensMax: 0 },
      { images: 1 },
      { characters: 1 },
      { mediaSeconds: 1 },
      { cacheWrites: 'none' },
      { cacheWrites: 'short' },
      { hasSound: false },
      { tiers: ['fast'] },
      { tiers: ['fast', 'x'] },
      { tiers: ['fast x'] },
      { unbounded: 'a search' },
    ];
    const keys = new Set([BOUND, ...others.map((other) => ({ ...BOUND, ...other }))].map(ratesKeyOf));
    expect(keys.size).toBe(others.length + 1);
  });

  it('keeps calls apart that would share a hold otherwise', () => {
    const keyOf = (call: object, worst: Partial<CallBound> = {}) =>
      scopeKey({ call: { ...CALL, ...call }, need: { worst: { ...BOUND, ...worst } } });
    const keys = [keyOf({}), keyOf({ quality: 'hd' }), keyOf({ resolution: 'hd' }), keyOf({}, { outputTokensMax: 0 })];
    expect(new Set(keys).size).toBe(4);
  });
});
