import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PricedCall, priceBound } from '../../../../service/gateway/bound/price-bound.js';
import type { CallBound } from '../../../../service/gateway/types.js';
import { eventFactsOf } from '../../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../../service/pricing/price-book.js';
import { priceFacts } from '../../../../service/pricing/price-facts.js';
import type { Rate } from '../../../../service/pricing/rates.js';
import { bookOf, events, eventWithin, NOW, rate, sheets } from '../../price-arbitraries.js';
import { override } from '../../pricing-support.js';

const ONE_TOKEN: CallBound = {
  inputTokensMax: 0,
  outputTokensMax: 0,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
};

function callOf(bound: Partial<CallBound>, reading: Partial<PricedCall['reading']> = {}): PricedCall {
  return {
    reading: { provider: 'OPENAI', modelSource: 'OPENAI', model: 'm', operationType: 'CHAT', ...reading },
    bound: { ...ONE_TOKEN, ...bound },
  };
}

describe('the bound of a price', () => {
  it('is at least the price of every event within the bound, whatever its rates', () => {
    let compared = 0;
    fc.assert(
      fc.property(sheets, events, (rates, made) => {
        const book = bookOf(rates);
        const paid = priceFacts(book, eventFactsOf(eventWithin(made)), NOW);
        const { quality, resolution, unit: billingUnit } = made;
        const bound = {
          inputTokensMax: made.input,
          outputTokensMax: made.output,
          images: made.images,
          characters: made.characters,
          mediaSeconds: made.seconds,
        };
        const media = Object.fromEntries(
          Object.entries({ quality, resolution, billingUnit }).filter(([, value]) => value !== undefined),
        );
        const asked = callOf(bound, {
          operationType: made.operationType,
          provider: made.provider,
          modelSource: made.provider,
          hasVisionContent: made.vision,
          media,
        });
        const most = priceBound(book, asked, NOW);
        if (paid.state !== 'known' || most.state === 'unknown') return;
        compared += 1;
        expect(most.amountNanoUsd).toBeGreaterThanOrEqual(paid.amountNanoUsd);
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(300);
  });

  it('is known wherever all rates of a text model are, whatever is cached or thought', () => {
    fc.assert(
      fc.property(rate, rate, fc.nat(4_000), fc.nat(4_000), (input, output, inputTokensMax, outputTokensMax) => {
        const call = callOf({ inputTokensMax, outputTokensMax });
        expect(priceBound(bookOf({ input, output }), call, NOW).state).toBe('known');
      }),
    );
  });

  it('is exactly the price by the request, also of a call whose counts have no bound', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 13n }),
        fc.bigInt({ min: 0n, max: 10n ** 13n }),
        events,
        (request, modelFee, made) => {
          const flat = (picoUsd: bigint): Rate => ({ basePicoUsd: picoUsd, tiers: [] });
          const book = bookOf({ request: flat(request), modelFee: flat(modelFee) });
          const call = callOf(
            { inputTokensMax: made.input, unbounded: 'a search' },
            { provider: made.provider, modelSource: made.provider, operationType: made.operationType },
          );
          const event = priceFacts(book, eventFactsOf(eventWithin(made)), NOW);
          expect(priceBound(book, call, NOW)).toEqual({ state: 'known', amountNanoUsd: event.amountNanoUsd });
        },
      ),
    );
  });

  it('is unknown for a model without a price, a part without a rate, and counts without a bound; free stays free', () => {
    const input: Rate = { basePicoUsd: 1_000n, tiers: [] };
    const call = callOf({ inputTokensMax: 10, outputTokensMax: 10 });
    const unknown = { state: 'unknown', amountNanoUsd: 0n };
    expect(priceBound(createPriceBook([], createCatalogue()), call, NOW)).toEqual(unknown);
    expect(priceBound(bookOf({ input }), call, NOW)).toEqual(unknown);
    expect(priceBound(bookOf({ input, output: input }), callOf({ unbounded: 'a search' }), NOW)).toEqual(unknown);
    const free = createPriceBook([override({ model: 'm', kind: 'free' })], createCatalogue());
    expect(priceBound(free, call, NOW)).toEqual({ state: 'free', amountNanoUsd: 0n });
    expect(priceBound(bookOf({ input }), callOf({ inputTokensMax: 10 }), NOW)).toEqual({
      state: 'known',
      amountNanoUsd: 10n,
    });
  });

  it('takes the dearer of the tier that is asked for and the standard one, and none where that tier has no price', () => {
    const one: Rate = { basePicoUsd: 1_000n, tiers: [] };
    const two: Rate = { basePicoUsd: 2_000n, tiers: [] };
    const prices = [
      override({ id: 'a', model: 'm', rates: { input: one } }),
      override({ id: 'b', model: 'm', serviceTier: 'priority', rates: { input: two } }),
    ];
    const book = createPriceBook(prices, createCatalogue());
    const asked = (tier: string) =>
      priceBound(book, callOf({ inputTokensMax: 1 }, { requestedServiceTier: tier }), NOW);
    expect(asked('priority').amountNanoUsd).toBe(2n);
    expect(asked('auto').amountNanoUsd).toBe(1n);
    expect(asked('flex').state).toBe('unknown');
    expect(priceBound(book, callOf({ inputTokensMax: 1, tiers: ['fast'] }), NOW).state).toBe('unknown');
  });

  it('charges an hour of a cache where one can be written, and only there', () => {
    const book = bookOf({
      input: { basePicoUsd: 1_000n, tiers: [] },
      cacheWrite: { basePicoUsd: 2_000n, tiers: [] },
      cacheWrite1hUnknown: true,
    });
    const amount = (cacheWrites: 'none' | 'short' | 'long') =>
      priceBound(book, callOf({ inputTokensMax: 1, cacheWrites }), NOW);
    expect(amount('none').amountNanoUsd).toBe(1n);
    expect(amount('short').amountNanoUsd).toBe(2n);
    expect(amount('long').state).toBe('unknown');
  });
});
