import { describe, expect, it } from 'vitest';
import { LanguageReader } from '../../src/ai-sdk/language-reader.js';
import { readLanguageCall } from '../../src/ai-sdk/language-reading.js';
import { isMeteredInside } from '../../src/ai-sdk/metered-inside.js';
import { readAiProvider } from '../../src/ai-sdk/provider-names.js';
import { readFinishReason } from '../../src/ai-sdk/stop-reason.js';
import { readAiCost, readAiUsage } from '../../src/ai-sdk/usage.js';
import type { RequestReading, UsageReading } from '../../src/providers/adapter.js';

const at = (baseURL: string) => ({ config: { baseURL } });
const openaiAt = (base: string) => ({ config: { url: ({ path }: { path: string }) => `${base}${path}` } });

describe('the provider of a model', () => {
  const rows: [provider: string, modelId: string, wire: string, source: string, model: string, config?: object][] = [
    ['openai.chat', 'gpt-4o', 'OPENAI', 'OPENAI', 'gpt-4o'],
    ['openai.responses', 'gpt-4o', 'OPENAI', 'OPENAI', 'gpt-4o', openaiAt('https://api.openai.com/v1')],
    ['openai.chat', 'qwen3', 'OLLAMA', 'OLLAMA', 'qwen3', openaiAt('http://localhost:11434/v1')],
    ['openai.chat', 'llama', 'GROQ', 'GROQ', 'llama', openaiAt('https://api.groq.com/openai/v1')],
    ['azure.chat', 'team-gpt-4o-mini', 'Azure', 'OPENAI', 'gpt-4o-mini'],
    ['azure-openai.chat', 'my-gpt-35', 'Azure', 'OPENAI', 'gpt-3.5-turbo'],
    [
      'anthropic.messages',
      'claude-sonnet-5',
      'ANTHROPIC',
      'ANTHROPIC',
      'claude-sonnet-5',
      at('https://api.anthropic.com/v1'),
    ],
    ['vertex.anthropic.messages', 'claude-sonnet-5', 'Google', 'ANTHROPIC', 'claude-sonnet-5'],
    ['bedrock.anthropic.messages', 'us.anthropic.claude-x', 'AWS', 'ANTHROPIC', 'us.anthropic.claude-x'],
    ['amazon-bedrock', 'us.anthropic.claude-x-v1:0', 'AWS', 'ANTHROPIC', 'us.anthropic.claude-x-v1:0'],
    ['amazon-bedrock', 'amazon.nova-pro-v1:0', 'AWS', 'AMAZON', 'amazon.nova-pro-v1:0'],
    ['google.generative-ai', 'models/gemini-2.5-pro', 'Google', 'GOOGLE', 'gemini-2.5-pro'],
    ['google.vertex.chat', 'gemini-2.5-pro', 'Google', 'GOOGLE_VERTEX_AI', 'gemini-2.5-pro'],
    ['groq.chat', 'llama', 'GROQ', 'GROQ', 'llama'],
    ['mistral.chat', 'm', 'MISTRAL', 'MISTRAL', 'm'],
    ['xai.chat', 'grok', 'XAI', 'XAI', 'grok'],
    ['deepseek.chat', 'm', 'DEEPSEEK', 'DEEPSEEK', 'm'],
    ['cohere.chat', 'command-r', 'COHERE', 'COHERE', 'command-r'],
    ['perplexity', 'sonar', 'PERPLEXITY', 'PERPLEXITY', 'sonar'],
    ['togetherai.chat', 'm', 'TOGETHER', 'TOGETHER', 'm'],
    ['fireworks.chat', 'm', 'FIREWORKS', 'FIREWORKS', 'm'],
    ['openrouter.chat', 'openai/gpt-4o', 'OPENROUTER', 'OPENROUTER', 'openai/gpt-4o'],
    ['ollama.chat', 'qwen3', 'OLLAMA', 'OLLAMA', 'qwen3'],
    ['gateway', 'anthropic/claude-sonnet-5', 'ANTHROPIC', 'ANTHROPIC', 'claude-sonnet-5'],
    ['gateway', 'xai/grok-4', 'XAI', 'XAI', 'grok-4'],
    ['gateway', 'alone', 'VERCEL', 'VERCEL', 'alone'],
    ['acme-ai.chat', 'm', 'ACME-AI', 'ACME-AI', 'm', openaiAt('http://127.0.0.1:9/v1')],
    ['', 'm', 'UNKNOWN', 'UNKNOWN', 'm'],
  ];
  it.each(rows)('%s %s is %s', (provider, modelId, wire, modelSource, model, config = {}) => {
    expect(readAiProvider({ provider, modelId, ...config })).toMatchObject({ provider: wire, modelSource, model });
  });

  it('has unique ids only where the address is known to be its own (I4)', () => {
    const unique = (provider: string, config: object) =>
      readAiProvider({ provider, modelId: 'm', ...config }).idsAreUnique;
    expect(unique('openai.chat', openaiAt('https://api.openai.com/v1'))).toBe(true);
    expect(unique('anthropic.messages', at('https://api.anthropic.com/v1'))).toBe(true);
    expect(unique('openai.chat', {})).toBe(false);
    expect(unique('openai.chat', openaiAt('http://127.0.0.1:4000/v1'))).toBe(false);
    expect(unique('anthropic.messages', at('http://127.0.0.1:4000/v1'))).toBe(false);
    expect(unique('anthropic.messages', {})).toBe(false);
  });

  it('never throws, whatever a model is', () => {
    const hostile = {
      get provider(): string {
        throw new Error('no');
      },
      get modelId(): string {
        throw new Error('no');
      },
      get config(): object {
        throw new Error('no');
      },
    };
    expect(readAiProvider(hostile)).toMatchObject({ provider: 'UNKNOWN', idsAreUnique: false });
    expect(readAiProvider({ provider: 7, modelId: null } as never)).toMatchObject({ provider: 'UNKNOWN' });
  });
});

const conventionOf = (provider: string) => readAiProvider({ provider, modelId: 'm' }).convention;
const counts = (provider: string, usage: unknown, metadata?: unknown) => {
  const { rawUsage: _, ...rest } = readAiUsage(usage, metadata, conventionOf(provider));
  return rest;
};

describe('usage, in the provider’s own way of counting', () => {
  const nested = (input: object, output: object, raw?: object) => ({ inputTokens: input, outputTokens: output, raw });

  it('of Anthropic leaves the cache outside the input, under every specification', () => {
    const raw = {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_input_tokens: 40,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      server_tool_use: { web_search_requests: 2 },
    };
    const expected = {
      inputTokens: 100,
      outputTokens: 50,
      totalTokens: 220,
      cacheReadTokens: 40,
      cacheWriteTokens: 30,
    };
    const unified = [{ total: 170, noCache: 100, cacheRead: 40, cacheWrite: 30 }, { total: 50 }] as const;
    expect(counts('anthropic.messages', nested(...unified))).toEqual(expected);
    expect(counts('anthropic.messages', nested(...unified, raw))).toEqual({
      ...expected,
      cacheWrite5mTokens: 10,
      cacheWrite1hTokens: 20,
      attributes: { webSearches: 2 },
    });
    const flat = { inputTokens: 100, outputTokens: 50, totalTokens: 150, cachedInputTokens: 40 };
    expect(counts('anthropic.messages', flat, { anthropic: { cacheCreationInputTokens: 30 } })).toEqual(expected);
    expect(counts('anthropic.messages', flat, { anthropic: { usage: raw } })).toMatchObject({ cacheWrite1hTokens: 20 });
  });

  it('of Bedrock leaves the cache outside too, and knows its ages', () => {
    const raw = {
      inputTokens: 10,
      outputTokens: 5,
      cacheWriteInputTokens: 7,
      cacheDetails: [{ ttl: '1h', inputTokens: 7 }],
    };
    const usage = nested({ total: 17, noCache: 10, cacheRead: 0, cacheWrite: 7 }, { total: 5, text: 5 }, raw);
    expect(counts('amazon-bedrock', usage)).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 22,
      cacheReadTokens: 0,
      cacheWriteTokens: 7,
      cacheWrite1hTokens: 7,
    });
    const flat = { inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 0 };
    expect(counts('amazon-bedrock', flat, { bedrock: { usage: { cacheWriteInputTokens: 7 } } })).toMatchObject({
      cacheWriteTokens: 7,
      totalTokens: 22,
    });
  });

  it('of Google leaves thoughts outside the output, under every specification', () => {
    const expected = { inputTokens: 20, outputTokens: 5, totalTokens: 32, reasoningTokens: 7 };
    const unified = nested({ total: 20 }, { total: 12, text: 5, reasoning: 7 });
    expect(counts('google.generative-ai', unified)).toEqual(expected);
    const flat = { inputTokens: 20, outputTokens: 5, totalTokens: 32, reasoningTokens: 7 };
    expect(counts('google.generative-ai', flat)).toEqual(expected);
    // A release that put them inside.
    expect(counts('google.generative-ai', { ...flat, outputTokens: 12 })).toEqual(expected);
  });

  it('of OpenAI’s shape is read as the provider said it', () => {
    const raw = {
      prompt_tokens: 21,
      completion_tokens: 9,
      total_tokens: 37,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 7 },
    };
    const usage = nested({ total: 21, noCache: 13, cacheRead: 8 }, { total: 16, text: 9, reasoning: 7 }, raw);
    const said = { inputTokens: 21, outputTokens: 9, totalTokens: 37, cacheReadTokens: 8, reasoningTokens: 7 };
    expect(counts('xai.chat', usage)).toEqual(said);
    expect(counts('perplexity', usage)).toEqual(said);
    expect(counts('openai.chat', nested({ total: 21 }, { total: 9, reasoning: 7 }))).toEqual({
      inputTokens: 21,
      outputTokens: 9,
      totalTokens: 30,
      reasoningTokens: 7,
    });
  });

  it('that says nothing, zeros only or no numbers is unknown', () => {
    for (const usage of [undefined, null, 'x', 7, [], {}, nested({}, {}), nested({ total: 0 }, { total: 0 })]) {
      expect(counts('openai.chat', usage)).toEqual({});
    }
    expect(counts('openai.chat', { inputTokens: Number.NaN, outputTokens: -1, totalTokens: 1.5 })).toEqual({});
  });

  it('has the cost that the provider names', () => {
    expect(readAiCost({ gateway: { cost: '0.0045' } }, undefined)).toBe(0.0045);
    expect(readAiCost({ openrouter: { usage: { cost: 0.02 } } }, undefined)).toBe(0.02);
    const ownKey = { cost: 0.001, costDetails: { upstreamInferenceCost: 0.02 } };
    expect(readAiCost({ openrouter: { usage: ownKey } }, undefined)).toBeCloseTo(0.021, 9);
    const covered = { cost: 0.02, costDetails: { upstreamInferenceCost: 0.019 } };
    expect(readAiCost({ openrouter: { usage: covered } }, undefined)).toBe(0.02);
    const raw = { cost: 0.001, is_byok: true, cost_details: { upstream_inference_cost: 0.02 } };
    expect(readAiCost({ openrouter: {} }, raw)).toBeCloseTo(0.021, 9);
    expect(readAiCost(undefined, { cost: { total_cost: 0.006 } })).toBe(0.006);
    expect(readAiCost({ perplexity: { cost: { totalCost: 0.007 } } }, undefined)).toBe(0.007);
    expect(readAiCost(undefined, { cost_in_usd_ticks: 37_756_000 })).toBeCloseTo(0.0037756, 9);
    expect(readAiCost({ openai: {} }, { prompt_tokens: 1 })).toBeUndefined();
  });
});

describe('what a call asks and how it ends', () => {
  const model = { provider: 'openai.chat', modelId: 'm' };
  const image = { type: 'file', mediaType: 'image/png', data: new Uint8Array([1, 2, 3]) };

  it('knows images in a message and in the result of a tool', () => {
    const asks = (prompt: unknown) => readLanguageCall(model, { prompt }, false).hasVisionContent;
    const text = { type: 'text', text: 'What is it?' };
    expect(asks([{ role: 'user', content: [text, image] }])).toBe(true);
    const value = [{ type: 'media', mediaType: 'image/jpeg', data: 'aGk=' }];
    const result = { type: 'tool-result', toolCallId: '1', toolName: 'f', output: { type: 'content', value } };
    expect(asks([{ role: 'tool', content: [result] }])).toBe(true);
    expect(asks([{ role: 'user', content: [text] }])).toBeUndefined();
    expect(
      asks([{ role: 'user', content: [{ type: 'file', mediaType: 'application/pdf', data: 'x' }] }]),
    ).toBeUndefined();
    for (const odd of [undefined, 'x', [7], [{ content: null }]]) expect(asks(odd)).toBeUndefined();
  });

  it('gives the prompt as text and as messages', () => {
    const prompt = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'What is it?' }, image], providerOptions: { a: {} } },
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: '1', toolName: 'look', input: { at: 'left' } }] },
    ];
    const tools = [{ type: 'function', name: 'look', description: 'looks', inputSchema: { type: 'object' } }];
    const reading = readLanguageCall(model, { prompt, tools }, true);
    for (const word of ['Be brief.', 'What is it?', 'look', 'left', 'looks'])
      expect(reading.promptText()).toContain(word);
    expect(reading.prompts?.()).toEqual({
      systemPrompt: 'Be brief.',
      inputMessages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { ...image, data: '[3 bytes]' },
          ],
        },
        prompt[2],
      ],
    });
    expect(reading).toMatchObject({ operationSubtype: 'function_call', streaming: true, endpoint: 'ai-sdk.stream' });
  });

  it.each([
    ['stop', 'END'],
    ['length', 'TOKEN_LIMIT'],
    ['content-filter', 'ERROR'],
    ['tool-calls', 'END_SEQUENCE'],
    ['error', 'ERROR'],
    ['other', 'END'],
    ['unknown', 'END'],
    [{ unified: 'interrupted', raw: undefined }, 'CANCELLED'],
    [{ unified: 'stop', raw: 'stop_sequence' }, 'END_SEQUENCE'],
    [{ unified: 'other', raw: 'model_context_window_exceeded' }, 'TOKEN_LIMIT'],
    [{ unified: 'stop', raw: 'STOP' }, 'END'],
    [undefined, undefined],
    [7, undefined],
  ])('the finish reason %j is %s', (reason, expected) => {
    expect(readFinishReason(reason)).toBe(expected);
  });

  it('never throws on a part or a result that it does not know', () => {
    const reader = new LanguageReader(conventionOf('openai.chat'));
    for (const odd of [undefined, null, 7, 'x', [], {}, { type: 'new' }, { type: 'text-delta' }, { type: 'error' }]) {
      reader.chunk(odd);
      reader.whole(odd);
    }
    expect(reader.reading()).toMatchObject({ outputText: '' });
  });
});

describe('whether a call was metered inside', () => {
  const request = (model?: string) => ({ model }) as RequestReading;
  const answer = (responseId?: string, outputText = '') => ({ responseId, outputText, finished: true }) as UsageReading;
  const inside = (model: string, ...given: Parameters<typeof answer>) => ({
    request: request(model),
    answer: answer(...given),
  });

  it('is told by the ids first, then by the texts, then by the models', () => {
    expect(isMeteredInside([inside('a', 'chatcmpl-1', 'x')], request('b'), answer('chatcmpl-1', 'y'))).toBe(true);
    expect(isMeteredInside([inside('a', 'chatcmpl-1', 'x')], request('a'), answer('chatcmpl-2', 'x'))).toBe(false);
    expect(isMeteredInside([inside('a', 'chatcmpl-1', 'x')], request('b'), answer(undefined, 'x'))).toBe(true);
    expect(isMeteredInside([inside('a', 'chatcmpl-1', 'x')], request('b'), answer(undefined, 'y'))).toBe(false);
    expect(isMeteredInside([inside('a', 'chatcmpl-1', 'x')], request('openai/A'), answer(undefined, 'y'))).toBe(true);
    expect(isMeteredInside([inside('a', 'chatcmpl-1', 'xyz')], request('b'), answer(undefined, 'xy'))).toBe(true);
    expect(isMeteredInside([inside('a')], request('b'), answer())).toBe(true);
    const two = [inside('a', 'chatcmpl-1', 'x'), inside('a', 'chatcmpl-2', 'y')];
    expect(isMeteredInside(two, request('a'), answer('chatcmpl-2', 'y'))).toBe(true);
    expect(isMeteredInside([], request('a'), answer())).toBe(false);
  });
});
