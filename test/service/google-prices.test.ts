/** What Google's adapter says of a call finds its price: provider, model and the place of thoughts and caches. */
import { describe, expect, it } from 'vitest';
import { eventFactsOf } from '../../service/ledger/event-facts.js';
import { createCatalogue } from '../../service/pricing/catalogue.js';
import { createPriceBook } from '../../service/pricing/price-book.js';
import { priceFacts } from '../../service/pricing/price-facts.js';
import { createGoogleReader, readGoogleRequest } from '../../src/providers/google.js';
import { event, NOON } from './store-support.js';

const book = createPriceBook([], createCatalogue());

function priceOf(url: string, usageMetadata: Record<string, unknown>, modelVersion?: string) {
  const request = readGoogleRequest({ method: 'POST', url, body: {} });
  const reader = createGoogleReader(request);
  reader.whole({ candidates: [{ finishReason: 'STOP' }], usageMetadata, modelVersion });
  const reading = reader.reading();
  const facts = eventFactsOf(
    event(NOON, {
      provider: request.provider,
      modelSource: request.modelSource,
      model: reading.model ?? request.model,
      inputTokenCount: reading.inputTokens,
      outputTokenCount: reading.outputTokens,
      ...(reading.reasoningTokens === undefined ? {} : { reasoningTokenCount: reading.reasoningTokens }),
      ...(reading.cacheReadTokens === undefined ? {} : { cacheReadTokenCount: reading.cacheReadTokens }),
      ...reading.media,
    }),
  );
  return priceFacts(book, facts, NOON);
}

const GEMINI = 'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent';
const VERTEX =
  'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent';
const USAGE = { promptTokenCount: 1_000, candidatesTokenCount: 10, thoughtsTokenCount: 90, totalTokenCount: 1_100 };

describe('prices of Google', () => {
  it('thoughts are priced once, beside the output, by Gemini and by Vertex AI', () => {
    // gemini-2.5-pro: 1.25 dollars a million in, 10 out.
    const expected = 1_000n * 1_250n + 100n * 10_000n;
    expect(priceOf(GEMINI, USAGE)).toMatchObject({ state: 'known', amountNanoUsd: expected });
    expect(priceOf(VERTEX, USAGE)).toMatchObject({ state: 'known', amountNanoUsd: expected });
  });

  it('cached tokens are priced once, inside the input', () => {
    const cached = priceOf(GEMINI, { ...USAGE, cachedContentTokenCount: 600 });
    expect(cached.state).toBe('known');
    expect(cached.amountNanoUsd).toBeLessThan(priceOf(GEMINI, USAGE).amountNanoUsd);
    expect(cached.amountNanoUsd).toBeGreaterThan(400n * 1_250n + 100n * 10_000n);
  });

  it('the model that answered is found however it names itself', () => {
    for (const version of ['gemini-2.5-flash', 'models/gemini-2.5-flash', 'gemini-2.0-flash-001']) {
      expect(priceOf(GEMINI, USAGE, version)).toMatchObject({ state: 'known' });
    }
  });
});
