import { describe, expect, it } from 'vitest';
import { perplexityAdapter, readPerplexityRequest } from '../../src/providers/perplexity.js';
import { readPerplexityUsage } from '../../src/providers/perplexity-usage.js';

const read = (path: string, body: unknown = {}, method = 'POST') =>
  readPerplexityRequest({ method, url: `https://api.perplexity.ai${path}`, body });

describe('requests', () => {
  it.each([
    ['/chat/completions', 'chat.completions', 'CHAT', 'call', true],
    ['/v1/sonar', 'chat.completions', 'CHAT', 'call', true],
    ['/v1/responses', 'responses', 'CHAT', 'call', true],
    ['/v1/agent', 'responses', 'CHAT', 'call', true],
    ['/search', 'search', 'SEARCH', 'call', true],
    ['/v1/embeddings', 'embeddings', 'EMBED', 'call', true],
    ['/v1/contextualizedembeddings', 'embeddings.contextualized', 'EMBED', 'call', true],
    ['/async/chat/completions', 'async.chat.completions', 'CHAT', 'call', true],
    ['/v1/responses/r1/cancel', 'responses.cancel', 'CHAT', 'poll', true],
    ['/v1/browser/sessions', 'browser.sessions', 'OTHER', 'call', false],
    ['/v9/things', 'things', 'OTHER', 'call', false],
  ])('POST %s', (path, endpoint, operationType, kind, known) => {
    expect(read(path)).toMatchObject({ endpoint, operationType, kind, known, provider: 'PERPLEXITY' });
  });

  it.each([
    ['GET', '/async/chat/completions/a%2Fb', { kind: 'poll', polledId: 'a/b' }],
    ['GET', '/async/chat/completions/%E0', { kind: 'poll', polledId: '%E0' }],
    ['GET', '/v1/responses/r1', { kind: 'poll', polledId: 'r1' }],
    ['GET', '/async/chat/completions', { kind: 'free' }],
    ['GET', '/v1/responses/r1/files', { kind: 'free' }],
    ['DELETE', '/v1/browser/sessions/s', { kind: 'free' }],
  ])('%s %s', (method, path, expected) => {
    expect(read(path, undefined, method)).toMatchObject(expected);
  });

  it('the model is the one asked for, the first to fall back on, the preset, or that of the asynchronous request', () => {
    expect(read('/v1/responses', { models: ['a', 'b'] }).model).toBe('a');
    expect(read('/v1/responses', { preset: 'deep-research' }).model).toBe('deep-research');
    expect(read('/async/chat/completions', { request: { model: 'sonar' } })).toMatchObject({
      model: 'sonar',
      background: true,
    });
    expect(read('/v1/responses', { model: 'm', background: true, stream: true })).toMatchObject({
      background: true,
      streaming: true,
    });
  });

  it('prompts are split into the system’s and the others', () => {
    const messages = [
      { role: 'system', content: 'be short' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hi' },
          { type: 'image_url', image_url: { url: 'u' } },
        ],
      },
    ];
    const reading = read('/chat/completions', { messages });
    expect(reading.prompts?.()).toEqual({ systemPrompt: 'be short', inputMessages: [messages[1]] });
    expect(reading.hasVisionContent).toBe(true);
    expect(reading.promptText()).toBe('be short\nhi');
    expect(read('/v1/responses', { instructions: 'i', input: 'x' }).prompts?.()).toEqual({
      systemPrompt: 'i',
      inputMessages: [{ role: 'user', content: 'x' }],
    });
  });

  it.each([undefined, null, 1, 'text', [], { messages: 3, input: {}, models: 'x', request: 7 }])(
    'never throws on %j',
    (body) => {
      for (const path of ['/chat/completions', '/v1/responses', '/async/chat/completions', '/search', '']) {
        const reading = read(path, body);
        expect(() => [reading.promptText(), reading.prompts?.()]).not.toThrow();
      }
    },
  );
});

describe('usage', () => {
  it('reads the names of chat and of the agent; a currency that is not dollars is no cost', () => {
    expect(
      readPerplexityUsage({ prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cost: { total_cost: 0.5 } }),
    ).toMatchObject({
      inputTokens: 1,
      outputTokens: 2,
      totalTokens: 3,
      totalCostUsd: 0.5,
    });
    const foreign = { input_tokens: 1, output_tokens: 2, total_tokens: 3, cost: { currency: 'EUR', total_cost: 0.5 } };
    expect(readPerplexityUsage(foreign)?.totalCostUsd).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    'x',
    {},
    { prompt_tokens: -1 },
    { total_tokens: '7' },
    { cost: 3 },
    { cost: { total_cost: Number.NaN } },
  ])('I5: %j holds nothing', (usage) => {
    expect(readPerplexityUsage(usage)).toBeUndefined();
  });

  it.each(['/chat/completions', '/v1/responses', '/search', '/v1/embeddings', '/async/chat/completions'])(
    'a reader of %s never throws, and without counts it names none',
    (path) => {
      for (const odd of [
        undefined,
        null,
        1,
        'x',
        [],
        {},
        { usage: 4, choices: 3, status: 9, results: 'no', response: [] },
      ]) {
        const reader = perplexityAdapter.createUsageReader(read(path, { stream: true }));
        reader.whole(odd);
        reader.chunk(odd);
        const { inputTokens, totalTokens, totalCostUsd } = reader.reading();
        expect([inputTokens, totalTokens, totalCostUsd]).toEqual([undefined, undefined, undefined]);
      }
    },
  );
});
