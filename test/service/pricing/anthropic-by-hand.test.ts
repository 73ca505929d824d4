import { describe, expect, it } from 'vitest';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import { priceEvent } from '../../../service/pricing/price-event.js';
import { buildUsageEvent } from '../../../src/metering/build-usage-event.js';
import { anthropicAdapter, readAnthropicRequest } from '../../../src/providers/anthropic.js';
import type { AnthropicPlatform } from '../../../src/providers/anthropic-host.js';

const MODEL = 'claude-sonnet-4-5-20250929';
const BEDROCK_MODEL = `us.anthropic.${MODEL}-v1:0`;
const VERTEX =
  'https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models';
const AT_MS = Date.UTC(2026, 10, 21);
const USAGE = { input_tokens: 1_000, output_tokens: 500, cache_read_input_tokens: 10_000 };
const SHORT = { ...USAGE, cache_creation_input_tokens: 3_000 };
const LONG = { ...SHORT, cache_creation: { ephemeral_5m_input_tokens: 2_000, ephemeral_1h_input_tokens: 1_000 } };

/** From an answer through adapter and event to the ledger's facts and the catalogue's price. */
function priced(url: string, platform: AnthropicPlatform, model: string, usage: object) {
  const request = readAnthropicRequest({ method: 'POST', url, body: { model, messages: [] } }, platform);
  const reader = anthropicAdapter.createUsageReader(request);
  reader.whole({ id: 'msg_1', type: 'message', model: MODEL, content: [], stop_reason: 'end_turn', usage });
  const times = { requestedAtMs: AT_MS, firstTokenMs: undefined, answeredMs: 1, durationMs: 1 };
  const metadata = { fields: {}, dimensions: {} };
  const event = buildUsageEvent(
    { attemptId: 'a', request, metadata, bypassed: false, ...times },
    'completed',
    reader.reading(),
    {},
    { estimateTokens: () => 0, middlewareSource: 'test' },
  );
  const facts = eventFactsOf({ transactionId: 'a', receivedAtMs: AT_MS, body: { ...event } });
  const book = createPriceBook([], createCatalogue(), new Map());
  const { provider, modelSource } = facts;
  const price = priceEvent(facts, (name) => book.find({ provider, modelSource, model: name, atMs: AT_MS }));
  return { totalTokens: facts.totalTokens, state: price.state, usd: Number(price.amountNanoUsd) / 1e9 };
}

describe('what Claude costs, computed by hand', () => {
  // Dollars a million tokens: input, output, read, written for 5 minutes.
  it.each([
    ['Anthropic', 'https://api.anthropic.com/v1/messages', 'anthropic', MODEL, [3, 15, 0.3, 3.75]],
    [
      'AWS',
      'https://bedrock-runtime.us-east-1.amazonaws.com/v1/messages',
      'bedrock',
      BEDROCK_MODEL,
      [3.3, 16.5, 0.33, 4.125],
    ],
    ['Vertex AI', `${VERTEX}/${MODEL}:rawPredict`, 'vertex', MODEL, [3, 15, 0.3, 3.75]],
  ] as const)('%s: caches are counted once, in the total and in the price', (_name, url, platform, model, rates) => {
    const [input, output, read, written] = rates;
    const usd = (1_000 * input + 500 * output + 10_000 * read + 3_000 * written) / 1e6;
    expect(priced(url, platform, model, SHORT)).toEqual({ totalTokens: 14_500, state: 'known', usd });
  });

  it('what is written for an hour has a price of its own; where the catalogue has none, the price is unknown', () => {
    const usd = (1_000 * 3 + 500 * 15 + 10_000 * 0.3 + 2_000 * 3.75 + 1_000 * 6) / 1e6;
    const url = 'https://api.anthropic.com/v1/messages';
    expect(priced(url, 'anthropic', MODEL, LONG)).toEqual({ totalTokens: 14_500, state: 'known', usd });
    expect(priced(`${VERTEX}/${MODEL}:rawPredict`, 'vertex', MODEL, LONG)).toMatchObject({ state: 'unknown', usd: 0 });
  });
});
