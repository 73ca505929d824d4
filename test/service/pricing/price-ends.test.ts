/** Until when a price holds: by the day, by the hour, and as declared. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import { type PriceConstraint, variantAt, variantEnd } from '../../../service/pricing/price-variants.js';
import { override } from '../pricing-support.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const hour = fc.integer({ min: 0, max: 23 }).map((hours) => hours * HOUR);
const constraint: fc.Arbitrary<PriceConstraint | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({ kind: fc.constant('from' as const), fromMs: fc.integer({ min: -30, max: 60 }).map((at) => at * HOUR) }),
  fc.record({ kind: fc.constant('hours' as const), startMs: hour, endMs: hour }),
);

test('the price of a model is the same until then, and every change of it is found', () => {
  fc.assert(
    fc.property(fc.array(constraint, { minLength: 1, maxLength: 4 }), fc.integer({ min: -48, max: 48 }), (all, at) => {
      const variants = all.map((one) => ({ ...(one === undefined ? {} : { constraint: one }), rates: {} }));
      const atMs = at * HOUR + 1;
      const endMs = variantEnd(variants, atMs);
      expect(endMs).toBeGreaterThan(atMs);
      const now = variantAt(variants, atMs);
      for (let ms = atMs; ms < Math.min(endMs, atMs + 3 * DAY); ms += HOUR / 2)
        expect(variantAt(variants, ms)).toBe(now);
    }),
  );
});

test('a declared price ends where it says so, or where another one begins', () => {
  const prices = [
    override({ id: 'a', model: 'm', validFromMs: 0, validUntilMs: 9 * HOUR }),
    override({ id: 'b', model: 'm', validFromMs: 5 * HOUR, validUntilMs: null, version: 2 }),
    override({ id: 'c', model: 'other', validFromMs: HOUR, version: 3 }),
  ];
  const book = createPriceBook(prices, createCatalogue());
  const until = (atMs: number) => book.holdsUntil({ provider: 'p', model: 'm', atMs });
  expect([until(0), until(5 * HOUR), until(9 * HOUR)]).toEqual([5 * HOUR, 9 * HOUR, Number.POSITIVE_INFINITY]);
});
