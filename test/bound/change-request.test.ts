import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withModel, withOutputLimit } from '../../src/bound/change-request.js';
import type { RequestReading } from '../../src/providers/adapter.js';
import { anthropicAdapter } from '../../src/providers/anthropic.js';
import { bedrockConverseAdapter } from '../../src/providers/bedrock-converse.js';
import { falAdapter } from '../../src/providers/fal.js';
import { googleAdapter } from '../../src/providers/google.js';
import { ollamaAdapter } from '../../src/providers/ollama.js';
import { openaiAdapter } from '../../src/providers/openai.js';
import { perplexityAdapter } from '../../src/providers/perplexity.js';

type Body = Record<string, unknown>;

const ADAPTERS = [
  [/11434\/api\//, ollamaAdapter],
  [/anthropic/, anthropicAdapter],
  [/perplexity/, perplexityAdapter],
  [/google/, googleAdapter],
  [/bedrock/, bedrockConverseAdapter],
  [/fal\.run/, falAdapter],
  [/./, openaiAdapter],
] as const;

function readingOf(url: string, body: Body): RequestReading {
  const adapter = ADAPTERS.find(([pattern]) => pattern.test(url))?.[1];
  const reading = adapter?.readRequest({ method: 'POST', url, body });
  if (reading === undefined) throw new Error(`no reading of ${url}`);
  return reading;
}

const limit = (url: string, body: Body, tokens: number) => withOutputLimit(readingOf(url, body), body, tokens);

const OPENAI = 'https://api.openai.com/v1';
const GROQ = 'https://api.groq.com/openai/v1';
const OLLAMA = 'http://localhost:11434';
const ANTHROPIC = 'https://api.anthropic.com/v1';
const GOOGLE = 'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent';
const BEDROCK = 'https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse';

describe('an output limit that is written into a request', () => {
  it.each<[what: string, url: string, given: Body, written: Body]>([
    ['OpenAI, where none is named', `${OPENAI}/chat/completions`, {}, { max_completion_tokens: 100 }],
    [
      'OpenAI, by the name that the caller uses',
      `${OPENAI}/chat/completions`,
      { max_tokens: 500 },
      { max_tokens: 100 },
    ],
    [
      'OpenAI, both names where both are given',
      `${OPENAI}/chat/completions`,
      { max_tokens: 500, max_completion_tokens: 600 },
      { max_tokens: 100, max_completion_tokens: 100 },
    ],
    ['OpenAI, for each of its answers', `${OPENAI}/chat/completions`, { n: 3 }, { n: 3, max_completion_tokens: 33 }],
    ['hosts that copy OpenAI', `${GROQ}/chat/completions`, {}, { max_tokens: 100 }],
    ["Ollama's endpoint of OpenAI", `${OLLAMA}/v1/chat/completions`, {}, { max_tokens: 100 }],
    [
      "Ollama's endpoint of OpenAI, which does not read the new name",
      `${OLLAMA}/v1/chat/completions`,
      { max_completion_tokens: 5 },
      { max_completion_tokens: 5, max_tokens: 100 },
    ],
    ['responses', `${OPENAI}/responses`, { max_output_tokens: 101 }, { max_output_tokens: 100 }],
    [
      'completions, for each prompt and each of best_of',
      `${OPENAI}/completions`,
      { prompt: ['a', 'b'], n: 1, best_of: 5, max_tokens: 900 },
      { prompt: ['a', 'b'], n: 1, best_of: 5, max_tokens: 10 },
    ],
    ['Anthropic', `${ANTHROPIC}/messages`, { max_tokens: 4_096 }, { max_tokens: 100 }],
    [
      'Anthropic, above what may be thought',
      `${ANTHROPIC}/messages`,
      { max_tokens: 4_096, thinking: { type: 'enabled', budget_tokens: 99 } },
      { max_tokens: 100, thinking: { type: 'enabled', budget_tokens: 99 } },
    ],
    ['Ollama', `${OLLAMA}/api/chat`, {}, { options: { num_predict: 100 } }],
    [
      'Ollama, where -1 is no limit',
      `${OLLAMA}/api/generate`,
      { options: { seed: 1, num_predict: -1 } },
      { options: { seed: 1, num_predict: 100 } },
    ],
    ['Gemini', GOOGLE, { contents: [] }, { contents: [], generationConfig: { maxOutputTokens: 100 } }],
    [
      'Gemini, for each candidate',
      GOOGLE,
      { generationConfig: { candidateCount: 4, maxOutputTokens: 90 } },
      { generationConfig: { candidateCount: 4, maxOutputTokens: 25 } },
    ],
    [
      "Gemini, as its client's methods take it",
      GOOGLE,
      { model: 'gemini-2.5-flash', contents: 'x', config: { temperature: 0 } },
      { model: 'gemini-2.5-flash', contents: 'x', config: { temperature: 0, maxOutputTokens: 100 } },
    ],
    ['Bedrock', BEDROCK, { inferenceConfig: { topP: 1 } }, { inferenceConfig: { topP: 1, maxTokens: 100 } }],
    [
      'Perplexity',
      'https://api.perplexity.ai/chat/completions',
      { model: 'sonar' },
      { model: 'sonar', max_tokens: 100 },
    ],
    [
      "Perplexity's asynchronous chat",
      'https://api.perplexity.ai/async/chat/completions',
      { request: { model: 'sonar' } },
      { request: { model: 'sonar', max_tokens: 100 } },
    ],
    ['fal', 'https://fal.run/fal-ai/any-llm', { prompt: 'x' }, { prompt: 'x', max_tokens: 100 }],
  ])('is in the own field of %s', (_, url, given, written) => {
    const before = structuredClone(given);
    expect(limit(url, given, 100)).toEqual(written);
    expect(given).toEqual(before);
  });

  it.each<[what: string, url: string, body: Body, tokens: number]>([
    ['an embedding', `${OPENAI}/embeddings`, { input: 'x' }, 100],
    ['images', `${OPENAI}/images/generations`, { prompt: 'x' }, 100],
    ['a batch', `${ANTHROPIC}/messages/batches`, { requests: [] }, 100],
    ['a limit that is lower already', `${OPENAI}/chat/completions`, { max_tokens: 100 }, 100],
    [
      'a limit under what may be thought',
      `${ANTHROPIC}/messages`,
      { max_tokens: 9_000, thinking: { budget_tokens: 100 } },
      100,
    ],
    ['less than one token for each answer', `${OPENAI}/chat/completions`, { n: 101 }, 100],
    ['less than OpenAI takes', `${OPENAI}/responses`, {}, 15],
    [
      'a prediction that is longer than what is left',
      `${OPENAI}/chat/completions`,
      { prediction: { content: 'y'.repeat(99) } },
      100,
    ],
    ['options that are a text', `${OLLAMA}/api/chat`, { options: 'x' }, 100],
    ['no room', `${OPENAI}/chat/completions`, {}, 0],
    ['no number', `${OPENAI}/chat/completions`, {}, Number.NaN],
  ])('is not written for %s', (_, url, body, tokens) => {
    expect(limit(url, body, tokens)).toBeUndefined();
  });

  it('keeps the answers of any body within what is left, never raises a limit, and never throws', () => {
    const odd = fc.oneof(
      fc.integer({ min: -5, max: 5_000 }),
      fc.double(),
      fc.constantFrom(null, undefined, '7', '9000', '', 'x', true, [], {}),
    );
    const thinking = fc.option(fc.record({ type: fc.constant('enabled'), budget_tokens: odd }), { nil: undefined });
    const bodies = fc.record(
      {
        max_tokens: odd,
        max_completion_tokens: odd,
        max_output_tokens: odd,
        n: odd,
        best_of: odd,
        prompt: fc.oneof(fc.string(), fc.array(fc.string(), { maxLength: 3 })),
        prediction: fc.oneof(odd, fc.record({ content: fc.string() })),
        thinking,
        options: fc.oneof(odd, fc.record({ num_predict: odd })),
        generationConfig: fc.oneof(
          odd,
          fc.record({ maxOutputTokens: odd, candidateCount: fc.integer({ min: 1, max: 4 }) }),
        ),
        __proto__: fc.constant({ max_tokens: 3 }),
      },
      { requiredKeys: [] },
    );
    const urls = [
      ...[`${OPENAI}/chat/completions`, `${GROQ}/chat/completions`, `${OPENAI}/completions`, `${OPENAI}/responses`],
      ...[`${OLLAMA}/api/chat`, `${OLLAMA}/v1/chat/completions`, `${ANTHROPIC}/messages`, GOOGLE],
    ];
    let changed = 0;
    fc.assert(
      fc.property(fc.constantFrom(...urls), bodies, fc.integer({ min: 1, max: 6_000 }), (url, body, tokens) => {
        // Anthropic takes no request without it.
        if (url === `${ANTHROPIC}/messages` && !(typeof body.max_tokens === 'number' && body.max_tokens > 0)) return;
        const before = readingOf(url, body).bound?.(1_000_000);
        const copy = limit(url, body, tokens);
        if (copy === undefined) return;
        changed += 1;
        const after = readingOf(url, copy).bound?.(1_000_000);
        expect(after?.isOutputLimited).toBe(true);
        expect(after?.outputTokensMax).toBeLessThanOrEqual(tokens);
        expect(after?.outputTokensMax).toBeLessThanOrEqual(before?.outputTokensMax ?? 0);
      }),
      { numRuns: 3_000 },
    );
    expect(changed).toBeGreaterThan(500);
  });

  it('takes bodies that cannot be read for what they are', () => {
    const reading = readingOf(`${OPENAI}/chat/completions`, {});
    const hostile = {
      get max_tokens(): number {
        throw new Error('no');
      },
    };
    expect(withOutputLimit(reading, hostile, 100)).toBeUndefined();
    expect(withOutputLimit(reading, new FormData(), 100)).toBeUndefined();
    expect(withOutputLimit(reading, [], 100)).toBeUndefined();
    const own = JSON.parse('{"model":"m","__proto__":{"max_tokens":1}}') as Body;
    const copy = withOutputLimit(reading, own, 100);
    expect(JSON.parse(JSON.stringify(copy))).toEqual({ ...own, max_completion_tokens: 100 });
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });
});

describe('another model in a request', () => {
  it.each<[what: string, url: string, body: Body]>([
    ['OpenAI', `${OPENAI}/chat/completions`, { model: 'gpt-4o', messages: [] }],
    ['Anthropic', `${ANTHROPIC}/messages`, { model: 'claude-opus-4-1', max_tokens: 5 }],
    ['Ollama', `${OLLAMA}/api/chat`, { model: 'llama3' }],
    ['Perplexity', 'https://api.perplexity.ai/chat/completions', { model: 'sonar-pro' }],
  ])('takes the place of the one that is named: %s', (_, url, body) => {
    const changed = withModel(readingOf(url, body), body, 'cheap');
    expect(changed).toEqual({ ...body, model: 'cheap' });
    expect(body['model']).not.toBe('cheap');
    expect(readingOf(url, changed ?? {}).model).toBe('cheap');
  });

  it.each<[what: string, url: string, body: Body]>([
    [
      'Azure, where a deployment stands for it',
      'https://x.openai.azure.com/openai/deployments/gpt-4o/chat/completions',
      { model: 'gpt-4o' },
    ],
    ['Gemini, where it stands in the address', GOOGLE, { contents: [] }],
    ['Bedrock', BEDROCK, {}],
    ['a request that names several', `${OPENAI}/chat/completions`, { model: 'gpt-4o', models: ['a'] }],
    ['a preset', 'https://api.perplexity.ai/v1/responses', { model: 'sonar', preset: 'fast-search' }],
    ['a request without one', `${OPENAI}/chat/completions`, {}],
  ])('is not written for %s', (_, url, body) => {
    expect(withModel(readingOf(url, body), body, 'cheap')).toBeUndefined();
  });
});
