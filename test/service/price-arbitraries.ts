/** Random prices, and random events within a bound: what the bounds of prices are tested with. */
import fc from 'fast-check';
import { createCatalogue } from '../../service/pricing/catalogue.js';
import { createPriceBook, type PriceBook } from '../../service/pricing/price-book.js';
import { RATE_NAMES, type Rate, type RateSheet } from '../../service/pricing/rates.js';
import { override } from './pricing-support.js';

/** When everything happens. */
export const NOW = 1_800_000_000_000;

/** A book with one price, for the model `m`. */
export function bookOf(rates: RateSheet, serviceTier: string | null = null): PriceBook {
  return createPriceBook([override({ model: 'm', serviceTier, rates })], createCatalogue());
}

/** A rate, as a rule with steps that need not rise. */
export const rate: fc.Arbitrary<Rate> = fc
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

/** Rates of a model, any of them missing. */
export const sheets: fc.Arbitrary<RateSheet> = fc.record(
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
/** What an event is made of; its bound too. */
export const events = fc.record({
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

/** One of {@link events}. */
export type Made = typeof events extends fc.Arbitrary<infer T> ? T : never;

/** An event that stays within `bound`, its context and its output split at random as its provider counts them. */
export function eventWithin(made: Made) {
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
