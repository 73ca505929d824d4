import { describe, expect, test } from 'vitest';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import type { EventKind } from '../../../service/ledger/media-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import { priceFacts } from '../../../service/pricing/price-facts.js';
import type { PriceOverride } from '../../../service/store/store.js';
import { override, sheet } from '../pricing-support.js';
import { event, NOON } from '../store-support.js';

const catalogue = createCatalogue();
/** Pico-dollars in a dollar. */
const USD = 1_000_000_000_000n;

function priceOf(kind: EventKind, fields: Record<string, unknown>, overrides: readonly PriceOverride[] = []) {
  const facts = eventFactsOf({ ...event(NOON, { model: 'own', provider: 'Acme', ...fields }), kind });
  return priceFacts(createPriceBook(overrides, catalogue), facts, NOON);
}

describe('images', () => {
  const images = [
    { picoUsd: USD / 100n, quality: 'hd' },
    { picoUsd: USD / 50n, quality: 'HD', resolution: '1792x1024' },
    { picoUsd: USD / 25n, resolution: '512x512' },
  ];
  const prices = [override({ rates: { ...sheet({ image: USD / 200n }), images } })];

  test.each([
    [{}, 5_000_000n],
    [{ quality: 'hd' }, 10_000_000n],
    [{ quality: 'hd', resolution: '1024x1024' }, 10_000_000n],
    [{ quality: 'Hd', resolution: '1792X1024' }, 20_000_000n],
    [{ resolution: '512x512' }, 40_000_000n],
    [{ quality: 'hd', resolution: '512x512' }, 10_000_000n],
  ])('%j costs the rate that says most', (fields, nanoUsd) => {
    const price = priceOf('image', { actualImageCount: 3, billingUnit: 'PER_IMAGE', ...fields }, prices);
    expect(price).toMatchObject({ state: 'known', amountNanoUsd: 3n * nanoUsd });
  });

  test('I5: a quality without a rate has no price where there is no rate for every image', () => {
    const only = [override({ rates: { images: [{ picoUsd: 1n, quality: 'hd' }] } })];
    expect(priceOf('image', { actualImageCount: 1, quality: 'low' }, only).state).toBe('unknown');
  });

  test('what came is billed, not what was asked for', () => {
    const price = priceOf('image', { actualImageCount: 1, requestedImageCount: 4 }, prices);
    expect(price.amountNanoUsd).toBe(5_000_000n);
  });

  test('I5: an image of a model with token rates only has no price without its tokens', () => {
    const image = { provider: 'OpenAI', model: 'gpt-image-1.5', actualImageCount: 1, requestedImageCount: 1 };
    expect(priceOf('image', { ...image, billingUnit: 'PER_IMAGE' }).state).toBe('unknown');
    expect(priceOf('image', image).state).toBe('unknown');
    // gpt-image-1.5: 5 in, 32 an image token out.
    const tokens = { inputTokenCount: 10, outputTokenCount: 1_000, billingUnit: 'PER_TOKEN' };
    expect(priceOf('image', { ...image, ...tokens }).amountNanoUsd).toBe(10n * 5_000n + 1_000n * 32_000n);
    // Text and the image that is edited are in one count, at two prices.
    expect(priceOf('image', { ...image, ...tokens, operationSubtype: 'edit' }).state).toBe('unknown');
    // Unless the event says how many of them were images: gpt-image-1.5 takes 8 for one of those.
    const edit = { ...image, ...tokens, operationSubtype: 'edit', attributes: { inputImageTokens: 6 } };
    expect(priceOf('image', edit).amountNanoUsd).toBe(4n * 5_000n + 6n * 8_000n + 1_000n * 32_000n);
    // More images than input is nonsense: all of the input is images.
    const nonsense = { ...edit, attributes: { inputImageTokens: 60 } };
    expect(priceOf('image', nonsense).amountNanoUsd).toBe(10n * 8_000n + 1_000n * 32_000n);
    expect(priceOf('image', { ...edit, cacheReadTokenCount: 3 }).state).toBe('unknown');
  });

  test('an image that failed was not billed, though its model has no price', () => {
    const failed = { stopReason: 'ERROR', actualImageCount: 0, requestedImageCount: 2 };
    expect(priceOf('image', failed)).toMatchObject({ state: 'known', amountNanoUsd: 0n, rateSource: 'failed' });
  });
});

describe('sound', () => {
  test('a rate by the hour is exact to the millisecond, and rounded once', () => {
    // whisper-1: 0.36 dollars an hour, 0.1 nano-dollars… 100 nano-dollars a millisecond.
    const whisper = { provider: 'OpenAI', model: 'whisper-1', billingUnit: 'PER_MINUTE' };
    expect(priceOf('audio', { ...whisper, durationSeconds: 61.001 }).amountNanoUsd).toBe(6_100_100n);
    const hour = [override({}, { audioHour: 111n * (USD / 1_000n) })];
    // 0.111 dollars / 3,600,000 ms × 1 ms = 30.83 nano-dollars.
    expect(priceOf('audio', { durationSeconds: 0.001 }, hour).amountNanoUsd).toBe(31n);
    expect(priceOf('audio', { durationSeconds: 3_600 }, hour).amountNanoUsd).toBe(111_000_000n);
  });

  test('Groq bills ten seconds at least', () => {
    const groq = { provider: 'GROQ', model: 'whisper-large-v3', billingUnit: 'PER_SECOND' };
    const ten = priceOf('audio', { ...groq, durationSeconds: 10 }).amountNanoUsd;
    expect(ten).toBe(308_333n);
    expect(priceOf('audio', { ...groq, durationSeconds: 2 }).amountNanoUsd).toBe(ten);
    expect(priceOf('audio', { ...groq, durationSeconds: 11 }).amountNanoUsd).toBe(339_167n);
  });

  test('characters', () => {
    const prices = [override({}, { character: 15_000_000n })];
    expect(priceOf('audio', { characterCount: 23, billingUnit: 'PER_CHARACTER' }, prices).amountNanoUsd).toBe(345_000n);
    expect(priceOf('audio', { characterCount: 23 }, prices).amountNanoUsd).toBe(345_000n);
  });

  test('tokens of sound lie within the counts and have a rate of their own', () => {
    // gpt-4o-mini-transcribe: 1.25 in, 3 sound in, 5 out.
    const tokens = { inputTokenCount: 14, inputAudioTokenCount: 4, outputTokenCount: 10 };
    const model = { provider: 'OpenAI', model: 'gpt-4o-mini-transcribe' };
    expect(priceOf('audio', { ...model, ...tokens }).amountNanoUsd).toBe(12_500n + 4n * 3_000n + 10n * 5_000n);
  });

  test('I5: sound and cached tokens in one event have no price where sound has a rate of its own', () => {
    const model = { provider: 'OpenAI', model: 'gpt-realtime-mini', inputTokenCount: 14, outputTokenCount: 1 };
    const both = { ...model, inputAudioTokenCount: 4, cacheReadTokenCount: 5 };
    expect(priceOf('audio', model).state).toBe('known');
    expect(priceOf('audio', both).state).toBe('unknown');
  });

  test('sound within the tokens of a chat has its own rate too', () => {
    // gpt-audio: 2.5 in, 10 out; sound 32 in, 64 out.
    const chat = { provider: 'OpenAI', model: 'gpt-audio', inputTokenCount: 14, outputTokenCount: 10 };
    const sound = { inputAudioTokenCount: 4, outputAudioTokenCount: 10 };
    expect(priceOf('completion', chat).amountNanoUsd).toBe(14n * 2_500n + 10n * 10_000n);
    expect(priceOf('completion', { ...chat, ...sound }).amountNanoUsd).toBe(
      10n * 2_500n + 4n * 32_000n + 10n * 64_000n,
    );
  });

  test('I5, I6: cached sound is charged once, and more sound than there is of all has no price', () => {
    const prices = [override({}, { input: 5_000_000n, cacheRead: 1_000_000n, output: 10_000_000n })];
    const chat = { inputTokenCount: 100, cacheReadTokenCount: 100, inputAudioTokenCount: 30, outputTokenCount: 10 };
    expect(priceOf('completion', chat, prices)).toMatchObject({ state: 'known', amountNanoUsd: 200_000n });
    const some = { ...chat, cacheReadTokenCount: 80 };
    expect(priceOf('completion', some, prices)).toMatchObject({ state: 'known', amountNanoUsd: 280_000n });
    for (const nonsense of [{ inputAudioTokenCount: 101 }, { outputAudioTokenCount: 11 }]) {
      expect(priceOf('completion', { ...chat, cacheReadTokenCount: 0, ...nonsense }, prices).state).toBe('unknown');
    }
    // Where the whole is not counted, the part is what there is.
    expect(priceOf('audio', { inputAudioTokenCount: 30, billingUnit: 'PER_TOKEN' }, prices).amountNanoUsd).toBe(
      150_000n,
    );
  });

  test.each([
    ['no duration', { billingUnit: 'PER_MINUTE' }],
    ['another unit than its model has a rate for', { billingUnit: 'PER_CHARACTER', characterCount: 9 }],
    ['nothing that can be billed', {}],
  ])('I5: with %s there is no price', (_, fields) => {
    expect(priceOf('audio', { provider: 'OpenAI', model: 'whisper-1', ...fields }).state).toBe('unknown');
  });
});

describe('film, credits, tools', () => {
  test('seconds of film', () => {
    const prices = [override({}, { videoHour: 3_600n * (USD / 10n) })];
    const price = priceOf('video', { durationSeconds: 10.5, billingUnit: 'PER_SECOND' }, prices);
    expect(price).toMatchObject({ state: 'known', amountNanoUsd: 1_050_000_000n });
  });

  test('credits at the declared rate, or at the rate that came with them, which wins', () => {
    const film = { durationSeconds: 5, billingUnit: 'CREDITS', creditsConsumed: 2.5 };
    const prices = [override({}, { credit: USD / 50n })];
    expect(priceOf('video', film, prices).amountNanoUsd).toBe(50_000_000n);
    expect(priceOf('video', { ...film, creditRate: 0.1 }, prices).amountNanoUsd).toBe(250_000_000n);
    expect(priceOf('video', { ...film, creditRate: 0.1 })).toMatchObject({
      state: 'known',
      amountNanoUsd: 250_000_000n,
    });
    expect(priceOf('video', film).state).toBe('unknown');
  });

  test('a price a request covers every medium, and is added to every other rate', () => {
    const flat = [override({}, { request: USD })];
    expect(priceOf('video', { durationSeconds: 5 }, flat).amountNanoUsd).toBe(1_000_000_000n);
    const both = [override({}, { request: USD, image: USD })];
    expect(priceOf('image', { actualImageCount: 2 }, both).amountNanoUsd).toBe(3_000_000_000n);
  });

  test('a tool costs what it says, what is declared for it, or nothing', () => {
    const tool = { toolId: 'search' };
    expect(priceOf('tool', tool)).toMatchObject({ state: 'known', amountNanoUsd: 0n, rateSource: 'no-charge' });
    expect(priceOf('tool', { ...tool, costUsd: 0.25 })).toMatchObject({ state: 'known', amountNanoUsd: 250_000_000n });
    const declared = [override({ provider: 'tool', model: 'tool:search' }, { request: USD })];
    expect(priceOf('tool', tool, declared)).toMatchObject({ state: 'known', amountNanoUsd: 1_000_000_000n });
  });
});
