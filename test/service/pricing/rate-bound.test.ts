import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { priceBound } from '../../../service/gateway/bound/price-bound.js';
import type { CallBound } from '../../../service/gateway/types.js';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook, type PriceBook } from '../../../service/pricing/price-book.js';
import { priceFacts } from '../../../service/pricing/price-facts.js';
import { type RatedCall, rateBoundOf } from '../../../service/pricing/rate-bound.js';
import { amountOf } from '../../../src/holds/amounts.js';
import { bookOf, events, eventWithin, type Made, NOW, rate, sheets } from '../price-arbitraries.js';
import { override } from '../pricing-support.js';

const NOTHING: CallBound = {
  inputTokensMax: 0,
  outputTokensMax: 0,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
};
const PART = { metric: 'TOTAL_COST', estimate: 'worst-case' } as const;
const ANY = { provider: 'OPENAI', modelSource: 'OPENAI', model: 'm', operationType: 'CHAT' } as const;

function boundOf(made: Made): CallBound {
  return {
    inputTokensMax: made.input,
    outputTokensMax: made.output,
    isOutputLimited: true,
    images: made.images,
    characters: made.characters,
    mediaSeconds: made.seconds,
  };
}

function callOf(made: Made): RatedCall {
  return {
    provider: made.provider,
    modelSource: made.provider,
    model: 'm',
    operationType: made.operationType,
    hasVisionContent: made.vision,
    billingUnit: made.unit,
    quality: made.quality,
    resolution: made.resolution,
  };
}

/** As whoever holds computes it. */
function costOf(book: PriceBook, call: RatedCall, rated: CallBound, spent = rated): bigint | 'unknown' {
  return amountOf(PART, { worst: spent }, rateBoundOf(book, call, rated, NOW));
}

describe('the linear bound of a price', () => {
  it('is at least the price of every event within the bound, and what the gateway takes for one', () => {
    let compared = 0;
    fc.assert(
      fc.property(sheets, events, (rates, made) => {
        const book = bookOf(rates);
        const most = costOf(book, callOf(made), boundOf(made));
        const { quality, resolution, unit: billingUnit } = made;
        const media = Object.fromEntries(
          Object.entries({ quality, resolution, billingUnit }).filter(([, value]) => value !== undefined),
        );
        const gateway = priceBound(book, { reading: { ...callOf(made), media }, bound: boundOf(made) }, NOW);
        expect(most === 'unknown').toBe(gateway.state === 'unknown');
        const paid = priceFacts(book, eventFactsOf(eventWithin(made)), NOW);
        if (most === 'unknown' || paid.state !== 'known') return;
        compared += 1;
        expect(most).toBeGreaterThanOrEqual(paid.amountNanoUsd);
        expect(most).toBeGreaterThanOrEqual(gateway.amountNanoUsd);
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(300);
  });

  it('holds for calls of other sizes too, so that a hold needs no new one for each', () => {
    let compared = 0;
    fc.assert(
      fc.property(sheets, events, events, (rates, made, { input, output, seconds }) => {
        const book = bookOf(rates);
        const other = { ...made, input: input + 1, output: output + 1, images: made.images + 1, seconds: seconds + 1 };
        const same = { ...made, input: made.input + 1, output: made.output + 1, images: 1, seconds: 1, characters: 1 };
        const most = costOf(book, callOf(made), boundOf(same), boundOf({ ...other, characters: 700 }));
        const paid = priceFacts(book, eventFactsOf(eventWithin(other)), NOW);
        if (most === 'unknown' || paid.state !== 'known') return;
        compared += 1;
        expect(most).toBeGreaterThanOrEqual(paid.amountNanoUsd);
      }),
      { numRuns: 2_000 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it('is exactly the price of a text without caches, whatever step its context reaches', () => {
    fc.assert(
      fc.property(rate, rate, fc.nat(5_000), fc.nat(5_000), (input, output, inputTokensMax, outputTokensMax) => {
        const rising = (given: typeof input) => ({
          ...given,
          tiers: given.tiers.map((tier) => ({ ...tier, picoUsd: tier.picoUsd + given.basePicoUsd })).slice(0, 1),
        });
        const rates = { input: rising(input), output: rising(output) };
        const bound: CallBound = { ...NOTHING, inputTokensMax, outputTokensMax, cacheWrites: 'none', hasSound: false };
        const at = (one: typeof input) => {
          const tier = one.tiers.find(({ aboveTokens }) => BigInt(inputTokensMax) > aboveTokens);
          return tier?.picoUsd ?? one.basePicoUsd;
        };
        const pico = BigInt(inputTokensMax) * at(rates.input) + BigInt(outputTokensMax) * at(rates.output);
        expect(costOf(bookOf(rates), ANY, bound)).toBe((pico + 999n) / 1_000n);
      }),
    );
  });

  it('is exactly the price by the request, also of a call whose counts have no bound', () => {
    const fee = fc.bigInt({ min: 0n, max: 10n ** 13n });
    fc.assert(
      fc.property(fee, fee, events, (request, modelFee, made) => {
        const book = bookOf({
          request: { basePicoUsd: request, tiers: [] },
          modelFee: { basePicoUsd: modelFee, tiers: [] },
        });
        const bound = { ...boundOf(made), unbounded: 'a search' };
        const event = priceFacts(book, eventFactsOf(eventWithin(made)), NOW);
        expect(costOf(book, callOf(made), bound)).toBe(event.amountNanoUsd);
      }),
    );
  });

  it('takes the dearer of the tier that is asked for and the standard one, in lines of their own', () => {
    const flat = (picoUsd: bigint) => ({ basePicoUsd: picoUsd, tiers: [] });
    const prices = [
      override({ id: 'a', model: 'm', rates: { input: flat(1_000n) } }),
      override({ id: 'b', model: 'm', serviceTier: 'priority', rates: { input: flat(2_000n) } }),
    ];
    const book = createPriceBook(prices, createCatalogue());
    const bound = { ...NOTHING, inputTokensMax: 1 };
    expect(rateBoundOf(book, { ...ANY, requestedServiceTier: 'priority' }, bound, NOW).lines).toHaveLength(2);
    expect(costOf(book, { ...ANY, requestedServiceTier: 'priority' }, bound)).toBe(2n);
    expect(costOf(book, { ...ANY, requestedServiceTier: 'auto' }, bound)).toBe(1n);
    expect(costOf(book, { ...ANY, pricingTier: 'BATCH' }, bound)).toBe('unknown');
    expect(costOf(book, ANY, { ...bound, tiers: ['fast'] })).toBe('unknown');
  });

  it('bills short sound as its minimum, and longer sound by the second', () => {
    const hour = { basePicoUsd: 3_600_000_000n, tiers: [] };
    const book = bookOf({ audioHour: hour, audioMinimumMs: 10_000 });
    const heard = { ...ANY, operationType: 'AUDIO' } as const;
    const rated = { ...NOTHING, mediaSeconds: 1 };
    const costs = [1, 10, 11].map((mediaSeconds) => costOf(book, heard, rated, { ...NOTHING, mediaSeconds }));
    expect(costs).toEqual([10_000n, 10_000n, 11_000n]);
  });

  it('is unknown without a price or a rate, and free where somebody said so', () => {
    const input = { basePicoUsd: 1_000n, tiers: [] };
    const bound = { ...NOTHING, inputTokensMax: 10, outputTokensMax: 10 };
    const none = createPriceBook([], createCatalogue());
    expect(rateBoundOf(none, ANY, bound, NOW)).toEqual({ state: 'unknown', lines: [] });
    expect(rateBoundOf(bookOf({ input }), ANY, bound, NOW).state).toBe('unknown');
    expect(rateBoundOf(bookOf({ input, output: input }), ANY, { ...bound, unbounded: 'x' }, NOW).state).toBe('unknown');
    const free = createPriceBook([override({ model: 'm', kind: 'free' })], createCatalogue());
    expect(rateBoundOf(free, ANY, bound, NOW)).toEqual({ state: 'free', lines: [] });
  });
});
