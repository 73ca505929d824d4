import { describe, expect, test } from 'vitest';
import { eventFactsOf } from '../../service/ledger/event-facts.js';
import { createCatalogue } from '../../service/pricing/catalogue.js';
import { createPriceBook } from '../../service/pricing/price-book.js';
import type { EventPrice } from '../../service/pricing/price-event.js';
import { priceFacts } from '../../service/pricing/price-facts.js';
import type { PriceOverride } from '../../service/store/store.js';
import { override } from './pricing-support.js';
import { event, NOON } from './store-support.js';

const catalogue = createCatalogue();

function priceOf(fields: Record<string, unknown>, overrides: readonly PriceOverride[] = []): EventPrice {
  const facts = eventFactsOf(event(NOON, fields));
  const book = createPriceBook(overrides, catalogue);
  return priceFacts(book, facts, NOON);
}

describe('prices from the catalogue', () => {
  test('I6: rates are exact to the pico-dollar and rounded once', () => {
    // gpt-4o-mini: 0.15 dollars a million in, 0.6 out: 150 and 600 nano-dollars a thousand.
    const price = priceOf({ inputTokenCount: 1_001, outputTokenCount: 1 });
    expect(price).toEqual({
      state: 'known',
      amountNanoUsd: 150_750n,
      rateSource: `catalogue:openai/gpt-4o-mini@${catalogue.version}`,
    });
  });

  test('OpenAI counts cache reads inside the input: each token is priced once', () => {
    const price = priceOf({ inputTokenCount: 1_000, cacheReadTokenCount: 400, outputTokenCount: 0 });
    expect(price.amountNanoUsd).toBe(600n * 150n + 400n * 75n);
  });

  test('OpenAI counts reasoning inside the output', () => {
    const without = priceOf({ inputTokenCount: 10, outputTokenCount: 100 });
    expect(priceOf({ inputTokenCount: 10, outputTokenCount: 100, reasoningTokenCount: 90 })).toEqual(without);
  });

  test('Anthropic counts cache tokens outside the input, and prices an hour of cache higher', () => {
    // claude-sonnet-4-5: 3 in, 15 out, 3.75 cache write, 6 cache write 1 h, 0.3 cache read.
    const price = priceOf({
      provider: 'ANTHROPIC',
      model: 'claude-sonnet-4-5',
      inputTokenCount: 100,
      outputTokenCount: 10,
      cacheCreationTokenCount: 30,
      cacheCreation1hTokenCount: 20,
      cacheReadTokenCount: 1_000,
    });
    expect(price.amountNanoUsd).toBe(100n * 3_000n + 10n * 15_000n + 10n * 3_750n + 20n * 6_000n + 1_000n * 300n);
  });

  test('Google counts thoughts outside the output', () => {
    const fields = { provider: 'Google', model: 'gemini-2.5-pro', inputTokenCount: 10, outputTokenCount: 10 };
    const plain = priceOf(fields).amountNanoUsd;
    expect(priceOf({ ...fields, reasoningTokenCount: 5 }).amountNanoUsd).toBe(plain + 5n * 10_000n);
  });

  test('the whole context, cache reads included, chooses the tier', () => {
    const fields = { provider: 'ANTHROPIC', model: 'claude-sonnet-4-5', outputTokenCount: 10 };
    const below = priceOf({ ...fields, inputTokenCount: 1_000, cacheReadTokenCount: 199_000 });
    expect(below.amountNanoUsd).toBe(1_000n * 3_000n + 199_000n * 300n + 10n * 15_000n);
    const above = priceOf({ ...fields, inputTokenCount: 1_001, cacheReadTokenCount: 199_000 });
    expect(above.amountNanoUsd).toBe(1_001n * 6_000n + 199_000n * 600n + 10n * 22_500n);
  });

  test('an adapter that declares its convention is believed', () => {
    const fields = { inputTokenCount: 100, cacheReadTokenCount: 50 };
    const outside = priceOf({ ...fields, attributes: { cacheInside: false } });
    expect(outside.amountNanoUsd).toBe(100n * 150n + 50n * 75n);
  });

  test('more cached than input tokens never gives a negative price', () => {
    expect(priceOf({ inputTokenCount: 10, cacheReadTokenCount: 50 }).amountNanoUsd).toBe(50n * 75n);
  });

  test('a fee for each request is added, but not for one that failed', () => {
    const sonar = { provider: 'PERPLEXITY', model: 'sonar' };
    const fee = priceOf({ ...sonar, inputTokenCount: 1, outputTokenCount: 0 }).amountNanoUsd - 1_000n;
    expect(fee).toBe(12_000_000n);
    expect(priceOf({ ...sonar, stopReason: 'ERROR' })).toMatchObject({ state: 'known', amountNanoUsd: 0n });
  });

  test('the Azure provider has its prices, and the deployment name falls back to the model that was asked for', () => {
    const price = priceOf({
      provider: 'Azure',
      modelSource: 'OPENAI',
      model: 'our-deployment',
      attributes: { requestedModel: 'gpt-4o' },
      inputTokenCount: 1_000,
    });
    expect(price).toEqual({
      state: 'known',
      amountNanoUsd: 2_500_000n,
      rateSource: `catalogue:azure/gpt-4o@${catalogue.version}`,
    });
  });

  test('names of providers and models compare without case', () => {
    expect(priceOf({ provider: 'openai', model: 'GPT-4o-Mini', inputTokenCount: 1_000 }).amountNanoUsd).toBe(150_000n);
  });

  test('an estimated event is priced like any', () => {
    const estimated = { inputTokenCount: 1_000, attributes: { usageState: 'estimated' } };
    expect(priceOf(estimated)).toMatchObject({ state: 'known', amountNanoUsd: 150_000n });
  });
});

describe('I5: unknown is never zero', () => {
  test.each([
    ['a model that nobody knows', { model: 'in-house-1', inputTokenCount: 10 }],
    ['a provider that nobody knows, though its model has a famous name', { provider: 'HOMEBREW', model: 'gpt-4o' }],
    ['a model that the catalogue lists without a price', { provider: 'GOOGLE', model: 'gemma-3', inputTokenCount: 10 }],
    ['usage that the provider did not tell', { attributes: { usageState: 'unknown' } }],
    ['output of a model that has a price for input only', { model: 'text-embedding-3-small', outputTokenCount: 1 }],
    ['a cost that can only be a unit error', { totalCost: 5_000_000 }],
  ])('%s has no known price', (_, fields) => {
    expect(priceOf(fields)).toMatchObject({ state: 'unknown', amountNanoUsd: 0n });
  });

  test('a call that failed without usage costs nothing, whatever its model', () => {
    const failed = { model: 'in-house-1', stopReason: 'ERROR', attributes: { usageState: 'unknown' } };
    expect(priceOf(failed)).toMatchObject({ state: 'known', amountNanoUsd: 0n });
  });

  test('a call that failed after it consumed tokens costs what they cost', () => {
    expect(priceOf({ stopReason: 'ERROR', inputTokenCount: 1_000 }).amountNanoUsd).toBe(150_000n);
  });

  test('a declared free model is free, and says who declared it', () => {
    const declared = override({ id: 'd7', provider: 'OLLAMA', kind: 'free' });
    const free = { state: 'free', amountNanoUsd: 0n, rateSource: 'override:d7' };
    expect(priceOf({ provider: 'ollama', model: 'llama3.2:latest', inputTokenCount: 9 }, [declared])).toEqual(free);
    expect(priceOf({ provider: 'HOMEBREW', inputTokenCount: 9 }, [declared]).state).toBe('unknown');
  });
});

describe('costs and prices that somebody gave', () => {
  test.each([
    [0.1, 100_000_000n],
    [0.000_000_1, 100n],
    [1e-10, 0n],
    [0, 0n],
    [12.345_678_901_2, 12_345_678_901n],
  ])('I6: totalCost %d is taken from its decimal text', (totalCost, amountNanoUsd) => {
    const price = priceOf({ totalCost, inputTokenCount: 1_000, model: 'in-house-1' });
    expect(price).toEqual({ state: 'known', amountNanoUsd, rateSource: 'caller' });
  });

  test('a single given cost replaces its part only', () => {
    const price = priceOf({ inputTokenCost: 0.5, inputTokenCount: 1_000, outputTokenCount: 10 });
    expect(price).toMatchObject({ state: 'known', amountNanoUsd: 500_000_000n + 10n * 600n });
  });

  test('I5: a given part of an unknown model counts, and the rest stays unknown', () => {
    const fields = { model: 'in-house-1', inputTokenCost: 0.5, inputTokenCount: 1_000 };
    expect(priceOf({ ...fields, outputTokenCount: 10 })).toMatchObject({
      state: 'unknown',
      amountNanoUsd: 500_000_000n,
    });
    expect(priceOf(fields)).toMatchObject({ state: 'known', amountNanoUsd: 500_000_000n });
  });

  test('a negative cost is no cost', () => {
    expect(priceOf({ totalCost: -5, inputTokenCount: 1_000 }).amountNanoUsd).toBe(150_000n);
  });

  test('the closest declaration wins over wider ones and over the catalogue', () => {
    const wide = override({ id: 'wide' }, { input: 1_000n, output: 1_000n });
    const provider = override({ id: 'provider', provider: 'OpenAI' }, { input: 2_000n, output: 1n });
    const model = override({ id: 'model', provider: 'openai', model: 'GPT-4o-mini' }, { input: 3_000n });
    const fields = { inputTokenCount: 1 };
    expect(priceOf(fields, [wide, provider, model])).toMatchObject({ amountNanoUsd: 3n, rateSource: 'override:model' });
    expect(priceOf(fields, [wide, provider])).toMatchObject({ amountNanoUsd: 2n, rateSource: 'override:provider' });
    expect(priceOf({ ...fields, provider: 'X' }, [wide, provider])).toMatchObject({ rateSource: 'override:wide' });
  });

  test('a price for each request alone covers the tokens too', () => {
    const flat = override({}, { request: 2_000_000_000n });
    const price = priceOf({ inputTokenCount: 5_000, outputTokenCount: 5 }, [flat]);
    expect(price).toMatchObject({ state: 'known', amountNanoUsd: 2_000_000n });
  });

  test('a half of a nano-dollar is rounded up, once for the event', () => {
    const tiny = override({}, { input: 250n, output: 250n });
    expect(priceOf({ inputTokenCount: 1, outputTokenCount: 1 }, [tiny]).amountNanoUsd).toBe(1n);
    expect(priceOf({ inputTokenCount: 1 }, [tiny]).amountNanoUsd).toBe(0n);
  });
});
