import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import type { PriceOverride } from '../../../service/store/store.js';
import { override } from '../pricing-support.js';
import { DAY, HOUR, NOON } from '../store-support.js';

const catalogue = createCatalogue();

function sourceAt(overrides: readonly PriceOverride[], atMs: number, model = 'own', provider = 'Acme'): string {
  const found = createPriceBook(overrides, catalogue).look({ provider, model, atMs });
  if (found.kind === 'unknown') return 'none';
  return (found.kind === 'free' ? found.source : found.rates.source).replace('override:', '').replace(/@.*/, '');
}

describe('which price holds', () => {
  const base = override({ id: 'base', version: 1, createdAtMs: NOON }, { input: 1n });
  const sale = override(
    { id: 'sale', version: 2, createdAtMs: NOON, validFromMs: NOON + DAY, validUntilMs: NOON + 2 * DAY },
    { input: 2n },
  );

  test('is the one that began last, and where it ends the one before', () => {
    const at = (days: number) => sourceAt([sale, base], NOON + days * DAY);
    expect([at(0), at(1), at(1.99), at(2), at(9)]).toEqual(['base', 'sale', 'sale', 'base', 'base']);
  });

  test('is the one that was declared last, of two that began together', () => {
    const fixed = { ...sale, id: 'fixed', version: 3 };
    expect(sourceAt([fixed, base, sale], NOON + 1.5 * DAY)).toBe('fixed');
  });

  test('does not hide a planned price when today’s is declared anew', () => {
    const planned = override({ id: 'planned', version: 2, createdAtMs: NOON, validFromMs: NOON + DAY }, { input: 3n });
    const anew = override({ id: 'anew', version: 3, createdAtMs: NOON + HOUR }, { input: 4n });
    const prices = [base, planned, anew];
    expect(sourceAt(prices, NOON + 0.5 * HOUR)).toBe('base');
    expect(sourceAt(prices, NOON + 2 * HOUR)).toBe('anew');
    expect(sourceAt(prices, NOON + DAY)).toBe('planned');
  });

  test('reaches back from a declaration without a beginning only to events that have no other price', () => {
    const own = override({ id: 'own', createdAtMs: NOON }, { input: 1n });
    expect(sourceAt([own], NOON - 9 * DAY)).toBe('own');
    expect(sourceAt([own], NOON - 9 * DAY, 'gpt-4o', 'OpenAI')).toBe('catalogue:openai/gpt-4o');
    expect(sourceAt([own], NOON, 'gpt-4o', 'OpenAI')).toBe('own');
    const later = override({ id: 'later', version: 2, createdAtMs: NOON + DAY }, { input: 1n });
    expect(sourceAt([own, later], NOON - DAY)).toBe('own');
    const dated = override({ id: 'dated', createdAtMs: NOON, validFromMs: NOON - DAY }, { input: 1n });
    expect(sourceAt([dated], NOON - DAY)).toBe('dated');
    expect(sourceAt([dated], NOON - DAY - 1)).toBe('none');
  });

  test('is a wider one, or the catalogue’s, once it was withdrawn; events of before keep it', () => {
    const wide = override({ id: 'wide', provider: null, model: '*', createdAtMs: NOON }, { input: 1n });
    const close = override(
      { id: 'close', provider: 'Acme', model: 'own', createdAtMs: NOON, version: 2 },
      { input: 1n },
    );
    const gone = { ...close, id: 'gone', kind: 'withdrawn' as const, version: 3, createdAtMs: NOON + DAY };
    expect(sourceAt([wide, close, gone], NOON + DAY - 1)).toBe('close');
    expect(sourceAt([wide, close, gone], NOON + DAY)).toBe('wide');
  });

  test('is the same for every order in which prices are read', () => {
    const prices = fc.array(
      fc.record({ start: fc.integer({ min: -3, max: 6 }), length: fc.integer({ min: 1, max: 9 }), open: fc.boolean() }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(prices, fc.integer({ min: -4, max: 12 }), fc.nat(), (made, hour, seed) => {
        const all = made.map(({ start, length, open }, i) =>
          override({
            id: `p${i}`,
            version: i,
            createdAtMs: NOON + i * HOUR,
            validFromMs: open ? null : NOON + start * HOUR,
            validUntilMs: open ? null : NOON + (start + length) * HOUR,
            kind: 'free',
          }),
        );
        const atMs = NOON + hour * HOUR;
        const shuffled = [...all].sort((a, b) => ((a.version * 7 + seed) % 5) - ((b.version * 7 + seed) % 5));
        expect(sourceAt(shuffled, atMs)).toBe(naive(all, atMs));
      }),
    );
  });
});

/** The definition, word for word. */
function naive(prices: readonly PriceOverride[], atMs: number): string {
  const start = (price: PriceOverride) => price.validFromMs ?? price.createdAtMs;
  const holding = prices.filter((price) => start(price) <= atMs && atMs < (price.validUntilMs ?? Number.MAX_VALUE));
  const last = holding.sort((a, b) => start(b) - start(a) || b.version - a.version)[0];
  const back = prices.filter((price) => price.validFromMs === null).sort((a, b) => start(a) - start(b))[0];
  return (last ?? back)?.id ?? 'none';
}
