import { describe, expect, test } from 'vitest';
import {
  isHeldBack,
  movesBetween,
  movesBetweenVariants,
  type PriceLike,
} from '../../../service/pricing/price-change.js';
import { differenceOf, listKeyOf } from '../../../service/pricing/price-list.js';
import { declared, override, sheet } from '../pricing-support.js';
import { NOON } from '../store-support.js';

const rates = (of: Parameters<typeof sheet>[0]): PriceLike => ({ kind: 'rates', rates: sheet(of) });
const free: PriceLike = { kind: 'free' };
const unknown: PriceLike = { kind: 'unknown' };

describe('a move of ten times and more is held back', () => {
  test.each([
    ['less than ten times up', rates({ input: 100n }), rates({ input: 999n }), false],
    ['ten times up', rates({ input: 100n }), rates({ input: 1_000n }), true],
    ['less than ten times down', rates({ input: 1_000n }), rates({ input: 101n }), false],
    ['ten times down', rates({ input: 1_000n }), rates({ input: 100n }), true],
    ['one of two rates', rates({ input: 1n, output: 1n }), rates({ input: 1n, output: 50n }), true],
    ['to zero', rates({ input: 5n }), rates({ input: 0n }), true],
    ['from zero', rates({ input: 0n }), rates({ input: 5n }), true],
    ['to free', rates({ input: 5n }), free, true],
    ['from free', free, rates({ input: 5n }), true],
    ['free as before', free, free, false],
    ['to no price at all', rates({ input: 5n }), unknown, true],
    ['a first price', unknown, rates({ input: 5n }), false],
    ['a first price that is free', unknown, free, false],
    ['a rate that goes', rates({ input: 5n, output: 5n }), rates({ input: 5n }), true],
    ['a rate that goes and has a stand-in', rates({ output: 5n, reasoning: 6n }), rates({ output: 5n }), false],
    ['a rate that comes', rates({ input: 5n }), rates({ input: 5n, output: 5n }), false],
    ['a rate that comes, ten times its stand-in', rates({ output: 5n }), rates({ output: 5n, reasoning: 50n }), true],
  ])('%s', (_, older, newer, held) => {
    expect(isHeldBack(older, newer, movesBetween(older, newer))).toBe(held);
  });

  test('in a tier, compared with the rate that held for it before', () => {
    const tiered = (picoUsd: bigint): PriceLike => ({
      kind: 'rates',
      rates: { input: { basePicoUsd: 10n, tiers: [{ aboveTokens: 200_000n, picoUsd }] } },
    });
    const moves = movesBetween(rates({ input: 10n }), tiered(100n));
    expect(moves).toEqual([
      { rate: 'input above 200000', oldPicoUsd: 10n, newPicoUsd: 100n, ratio: '10', isLarge: true },
    ]);
    expect(movesBetween(tiered(20n), tiered(30n))).toMatchObject([{ ratio: '1.5', isLarge: false }]);
  });

  test('of a price that begins on a later day', () => {
    const now = { rates: sheet({ input: 10n }) };
    const later = { constraint: { kind: 'from' as const, fromMs: NOON * 2 }, rates: sheet({ input: 100n }) };
    expect(movesBetweenVariants([now], [now, later], NOON)).toMatchObject([{ isLarge: true }]);
    expect(movesBetweenVariants([now, later], [now, later], NOON)).toEqual([]);
    expect(movesBetweenVariants([now], [], NOON)).toMatchObject([{ newPicoUsd: null, isLarge: true }]);
  });
});

describe('the difference that a price list makes', () => {
  const holding = [
    override({ id: 'a', provider: 'Acme', model: 'a' }, { input: 100n }),
    override({ id: 'b', provider: 'acme', model: 'b' }, { input: 100n }),
    override({ id: 'c', provider: null, model: 'c', kind: 'free' }),
  ];
  const nothing = () => [{ kind: 'unknown' } as const];
  const list = [
    declared({ provider: 'ACME', model: 'A' }, { input: 100n }),
    declared({ provider: 'acme', model: 'b' }, { input: 250n }),
    declared({ provider: 'acme', model: 'new' }, { input: 7n }),
  ];

  test('names what is added, changed and unchanged', () => {
    const difference = differenceOf(list, holding, nothing, false);
    expect(difference.map(({ key, change, oldSource }) => [key, change, oldSource])).toEqual([
      ['acme/a', 'unchanged', 'override:a'],
      ['acme/b', 'changed', 'override:b'],
      ['acme/new', 'added', null],
    ]);
    expect(difference[1]?.moves).toMatchObject([{ rate: 'input', ratio: '2.5' }]);
    expect(difference.some(({ heldBack }) => heldBack)).toBe(false);
  });

  test('removes what a whole list does not have, and holds that back', () => {
    const last = differenceOf(list, holding, nothing, true).at(-1);
    expect(last).toMatchObject({ key: '*/c', change: 'removed', heldBack: true });
  });

  test('compares a new price with what the model costs without it', () => {
    const costs = (input: bigint, source: string) =>
      ({ kind: 'rates', rates: { ...sheet({ input }), source } }) as const;
    const listed = () => [costs(8n, 'catalogue:near'), costs(7_000n, 'catalogue:x')];
    expect(differenceOf(list.slice(2), holding, listed, false)).toMatchObject([
      { change: 'added', oldSource: 'catalogue:x', heldBack: true, moves: [{ ratio: '0.001' }] },
    ]);
  });

  test('tells tiers and beginnings apart', () => {
    expect(listKeyOf(declared({ model: 'M', serviceTier: 'batch', validFromMs: NOON }))).toBe(
      '*/m#batch@2026-08-19T12:00:00.000Z',
    );
  });
});
