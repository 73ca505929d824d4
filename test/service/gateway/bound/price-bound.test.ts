import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PricedCall, priceBound } from '../../../../service/gateway/bound/price-bound.js';
import type { CallBound } from '../../../../service/gateway/types.js';
import { eventFactsOf } from '../../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../../service/pricing/catalogue.js';
import { createPriceBook, type PriceBook } from '../../../../service/pricing/price-book.js';
import { priceFacts } from '../../../../service/pricing/price-facts.js';
import { RATE_NAMES, type Rate, type RateSheet } from '../../../../service/pricing/rates.js';
import { override } from '../../pricing-support.js';

const NOW = 1_800_000_000_000;
const ONE_TOKEN: CallBound = {
  inputTokensMax: 0,
  outputTokensMax: 0,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
};

function bookOf(rates: RateSheet, serviceTier: string | null = null): PriceBook {
  return createPriceBook([override({ model: 'm', serviceTier, rates })], createCatalogue());
}

function callOf(bound: Partial<CallBound>, reading: Partial<PricedCall['reading']> = {}): PricedCall {
  return {
    reading: { provider: 'OPENAI', modelSource: 'OPENAI', model: 'm', operationType: 'CHAT', ...reading },
    bound: { ...ONE_TOKEN, ...bound },
  };
}

const rate: fc.Arbitrary<Rate> = fc
  .record({
    basePicoUsd: fc.bigInt({ min: 0n, max: 10n ** 9n }),
    tiers: fc.array(
      fc.record({
        aboveTokens: fc.bigInt({ min: 0n, max: 3_000n }),
        picoUsd: fc.bigInt({ min: 0n, max: 10n ** 9n }),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ basePicoUsd, tiers }) => ({
    basePicoUsd,
    tiers: tiers.sort((a, b) => Number(a.aboveTokens - b.aboveTokens)),
  }));

const sheets: fc.Arbitrary<RateSheet> = fc.record(
  {
    ...(Object.fromEntries(RATE_NAMES.map((name) => [name, rate])) as Record<(typeof RATE_NAMES)[number], typeof rate>),
    images: fc.array(
      fc.record(
        {
          quality: fc.constantFrom('hd', 'low'),
          resolution: fc.constantFrom('1024x1024', '512x512'),
          picoUsd: fc.bigInt({ min: 0n, max: 10n ** 12n }),
        },
        { requiredKeys: ['picoUsd'] },
      ),
      { maxLength: 3 },
    ),
    cacheWrite1hUnknown: fc.constant(true),
    audioMinimumMs: fc.nat(20_000),
  },
  { requiredKeys: [] },
);

const share = fc.double({ min: 0, max: 1, noNaN: true });
const events = fc.record({
  operationType: fc.constantFrom('CHAT', 'EMBED', 'IMAGE', 'AUDIO', 'VIDEO' as const),
  provider: fc.constantFrom('OPENAI', 'ANTHROPIC', 'XAI', 'OLLAMA'),
  input: fc.nat(4_000),
  output: fc.nat(4_000),
  read: share,
  written: share,
  hour: share,
  heard: share,
  reasoned: share,
  spoken: share,
  seen: share,
  images: fc.nat(4),
  characters: fc.nat(500),
  seconds: fc.nat(100),
  vision: fc.boolean(),
  quality: fc.constantFrom(undefined, 'hd', 'low'),
  answered: fc.constantFrom('hd', 'low', 'new'),
  resolution: fc.constantFrom(undefined, '1024x1024', '512x512'),
  unit: fc.constantFrom(undefined, 'PER_IMAGE', 'PER_TOKEN', 'PER_CHARACTER', 'PER_SECOND'),
});

type Made = typeof events extends fc.Arbitrary<infer T> ? T : never;

/** An event that stays within `bound`, its context and its output split at random as its provider counts them. */
function eventWithin(made: Made) {
  const context = made.input;
  const cached = Math.floor(context * made.read);
  const written = Math.floor((context - cached) * made.written);
  const outside = made.provider === 'ANTHROPIC';
  const fresh = context - cached - written;
  const reasoningOutside = made.provider === 'XAI';
  const reasoning = Math.floor(made.output * made.reasoned);
  const plain = made.output - reasoning;
  const kinds = { IMAGE: 'image', AUDIO: 'audio', VIDEO: 'video', CHAT: 'completion', EMBED: 'completion' } as const;
  const output = reasoningOutside ? plain : made.output;
  const isImage = made.operationType === 'IMAGE';
  return {
    kind: kinds[made.operationType],
    transactionId: 'one',
    receivedAtMs: NOW,
    body: {
      model: 'm',
      provider: made.provider,
      operationSubtype: isImage ? 'edit' : undefined,
      inputTokenCount: outside ? fresh : context,
      outputTokenCount: output,
      reasoningTokenCount: reasoning,
      cacheReadTokenCount: cached,
      cacheCreationTokenCount: written,
      cacheCreation1hTokenCount: Math.floor(written * made.hour),
      inputAudioTokenCount: Math.floor(fresh * made.heard),
      outputAudioTokenCount: Math.floor((output - (reasoningOutside ? 0 : reasoning)) * made.spoken),
      hasVisionContent: made.vision,
      actualImageCount: made.images,
      characterCount: made.characters,
      durationSeconds: made.seconds,
      quality: made.quality ?? made.answered,
      resolution: made.resolution ?? '1024x1024',
      billingUnit: made.unit,
      attributes: { inputImageTokens: isImage && cached === 0 ? Math.floor(fresh * made.seen) : undefined },
    },
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
