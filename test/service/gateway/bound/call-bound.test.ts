import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallBound, GatewayCall } from '../../../../service/gateway/types.js';
import { arrived, reader } from '../read-support.js';

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const IMAGE = `data:image/png;base64,${'A'.repeat(400_000)}`;
const user = (content: unknown) => [{ role: 'user', content }];

function boundOf(path: string, body: Record<string, unknown>): CallBound {
  const model = path.startsWith('/api/') ? 'llama3' : path === MESSAGES ? 'claude-haiku-4-5' : 'gpt-4o';
  const result = reader({ allowHostedTools: true })(arrived(path, { model, ...body }));
  if (!('bound' in result)) throw new Error(result.message);
  return (result as GatewayCall).bound;
}

describe('the bound of the input', () => {
  it('is at least the bytes of every text in it, however it is escaped', () => {
    const read = reader();
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { maxLength: 5 });
    fc.assert(
      fc.property(texts, fc.boolean(), (contents, escapes) => {
        const messages = contents.map((content) => ({ role: 'user', content }));
        const plain = JSON.stringify({ model: 'gpt-4o', messages });
        const text = escapes
          ? plain.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
          : plain;
        const result = read(arrived(CHAT, text)) as GatewayCall;
        const bytes = contents.reduce((sum, content) => sum + Buffer.byteLength(content), 0);
        expect(result.bound.inputTokensMax).toBeGreaterThanOrEqual(bytes);
      }),
    );
  });

  it('holds tools and schemas by their bytes, and what Anthropic and Ollama add by themselves', () => {
    const tools = [{ type: 'function', function: { name: 'f', description: 'd'.repeat(5_000), parameters: {} } }];
    expect(boundOf(CHAT, { messages: user('x'), tools }).inputTokensMax).toBeGreaterThan(5_000);
    expect(
      boundOf(MESSAGES, { messages: user('x'), max_tokens: 1, tools: [{ type: 'bash_20250124', name: 'bash' }] })
        .inputTokensMax,
    ).toBeGreaterThan(2_000);
    expect(boundOf('/api/chat', { messages: user('x') }).inputTokensMax).toBeGreaterThan(1_024);
  });

  it.each([
    [
      'of OpenAI',
      CHAT,
      {
        messages: user([
          { type: 'text', text: 'x' },
          { type: 'image_url', image_url: { url: IMAGE } },
        ]),
      },
    ],
    ['of the Responses API', '/v1/responses', { input: user([{ type: 'input_image', image_url: IMAGE }]) }],
    [
      'of Anthropic',
      MESSAGES,
      {
        max_tokens: 1,
        messages: user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: IMAGE } }]),
      },
    ],
    [
      'that a tool gave to Anthropic',
      MESSAGES,
      {
        max_tokens: 1,
        messages: user([
          {
            type: 'tool_result',
            tool_use_id: 't',
            content: [{ type: 'image', source: { type: 'base64', data: IMAGE } }],
          },
        ]),
      },
    ],
    ['of Ollama', '/api/chat', { messages: [{ role: 'user', content: 'x', images: [IMAGE] }] }],
    ['of a prompt of Ollama', '/api/generate', { prompt: 'x', images: [IMAGE] }],
  ])('counts an image %s by its allowance, not by its bytes', (_, path, body) => {
    const { inputTokensMax } = boundOf(path, body);
    expect(inputTokensMax).toBeGreaterThan(1_000);
    expect(inputTokensMax).toBeLessThan(30_000);
  });

  it('counts an image behind a short URL', () => {
    const message = (url: string) => ({ messages: user([{ type: 'image_url', image_url: { url } }]) });
    expect(boundOf(CHAT, message('https://x/y.png')).inputTokensMax).toBeGreaterThan(1_500);
    const escaped =
      '{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"im\\u0061ge_url","im\\u0061ge_url":{"url":"https://x/y.png"}}]}]}';
    expect((reader()(arrived(CHAT, escaped)) as GatewayCall).bound.inputTokensMax).toBeGreaterThan(1_500);
  });

  it('does not take text for an image where the provider reads it as text', () => {
    const image = { type: 'image', source: { type: 'base64', data: IMAGE }, image_url: { url: IMAGE } };
    const inTool = {
      messages: user('x'),
      tools: [{ type: 'function', function: { name: 'f', parameters: { default: image } } }],
    };
    expect(boundOf(CHAT, inTool).inputTokensMax).toBeGreaterThan(800_000);
    const inArguments = {
      max_tokens: 1,
      messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: image }] }],
    };
    expect(boundOf(MESSAGES, inArguments).inputTokensMax).toBeGreaterThan(800_000);
    const plain = { max_tokens: 1, messages: user([{ type: 'document', source: { type: 'text', data: IMAGE } }]) };
    expect(boundOf(MESSAGES, plain).inputTokensMax).toBeGreaterThan(400_000);
  });

  it('counts a document by its allowance, and says that one behind a URL has no bound', () => {
    const document = (source: unknown) => ({ max_tokens: 1, messages: user([{ type: 'document', source }]) });
    const sent = boundOf(MESSAGES, document({ type: 'base64', media_type: 'application/pdf', data: IMAGE }));
    expect(sent.inputTokensMax).toBeGreaterThan(200_000);
    expect(sent.inputTokensMax).toBeLessThan(201_000);
    expect(sent.unbounded).toBeUndefined();
    expect(boundOf(MESSAGES, document({ type: 'url', url: 'https://x' })).unbounded).toMatch(/fetches/);
    expect(
      boundOf('/v1/responses', { input: user([{ type: 'input_file', file_url: 'https://x' }]) }).unbounded,
    ).toMatch(/fetches/);
    expect(boundOf(CHAT, { model: 'gpt-4o-search-preview', messages: user('x') }).unbounded).toMatch(/searches/);
  });

  it('says which caches can be written, and whether there can be sound', () => {
    const cached = (cache_control: unknown) =>
      boundOf(MESSAGES, { max_tokens: 1, messages: user([{ type: 'text', text: 'x', cache_control }]) });
    expect(boundOf(MESSAGES, { max_tokens: 1, messages: user('x') })).toMatchObject({
      cacheWrites: 'none',
      hasSound: false,
    });
    expect(cached({ type: 'ephemeral' }).cacheWrites).toBe('short');
    expect(cached({ type: 'ephemeral', ttl: '1h' }).cacheWrites).toBe('long');
    expect(boundOf(CHAT, { messages: user('x') }).cacheWrites).toBe('short');
    expect(boundOf('/api/chat', { messages: user('x') }).cacheWrites).toBe('none');
    expect(boundOf(CHAT, { messages: user('x'), modalities: ['text', 'audio'] }).hasSound).toBe(true);
    expect(boundOf(MESSAGES, { max_tokens: 1, speed: 'fast' }).tiers).toEqual(['fast']);
  });
});

describe('the bound of the output', () => {
  it.each([
    [CHAT, { max_tokens: 7 }, 7, true],
    [CHAT, { max_completion_tokens: 9, max_tokens: 7 }, 9, true],
    [CHAT, { max_completion_tokens: 9, n: 3 }, 27, true],
    [CHAT, {}, 4_096, false],
    [CHAT, { n: 2 }, 8_192, false],
    [CHAT, { max_tokens: 0 }, 4_096, false],
    [CHAT, { max_tokens: -1 }, 4_096, false],
    [CHAT, { max_tokens: '7' }, 4_096, true],
    [CHAT, { max_tokens: '9000' }, 9_000, true],
    [CHAT, { max_tokens: 1e308, n: 1_000 }, Number.MAX_SAFE_INTEGER, true],
    [CHAT, { model: 'llama3', max_completion_tokens: 9 }, 4_096, false],
    [CHAT, { model: 'llama3', max_tokens: 9 }, 9, true],
    ['/v1/responses', { max_output_tokens: 11 }, 11, true],
    ['/v1/completions', {}, 16, true],
    ['/v1/completions', { prompt: ['a', 'b', 'c'], max_tokens: 5, best_of: 4, n: 2 }, 60, true],
    ['/v1/completions', { prompt: [1, 2, 3], max_tokens: 5 }, 5, true],
    ['/v1/completions', { prompt: [[1], [2]], max_tokens: 5 }, 10, true],
    ['/v1/embeddings', { input: 'x' }, 0, true],
    ['/v1/moderations', { model: 'omni-moderation-latest', input: 'x' }, 0, true],
    [MESSAGES, { max_tokens: 13 }, 13, true],
    [MESSAGES, { max_tokens: 13, thinking: { type: 'enabled', budget_tokens: 20 } }, 20, true],
    ['/api/chat', { options: { num_predict: 17 } }, 17, true],
    ['/api/chat', { options: { num_predict: -1 } }, 4_096, false],
    ['/api/generate', { options: { num_predict: -2 } }, 4_096, false],
    ['/api/generate', {}, 4_096, false],
    ['/api/embed', { input: 'x' }, 0, true],
    ['/v1/images/generations', { model: 'gpt-image-1', prompt: 'x', n: 2 }, 20_000, true],
  ])('%s with %j is %d', (path, body, tokens, isLimited) => {
    expect(boundOf(path, body)).toMatchObject({ outputTokensMax: tokens, isOutputLimited: isLimited });
  });

  it('holds a prediction that does not come true', () => {
    const prediction = { type: 'content', content: 'p'.repeat(1_000) };
    expect(boundOf(CHAT, { max_tokens: 5, prediction }).outputTokensMax).toBeGreaterThan(1_005);
  });
});

describe('the bound of media', () => {
  it('counts images, characters, and seconds by the least bytes that sound takes', () => {
    expect(boundOf('/v1/images/generations', { model: 'dall-e-3', prompt: 'x', n: 4 }).images).toBe(4);
    expect(
      boundOf('/v1/audio/speech', { model: 'tts-1', input: 'h\u00e9llo \ud83d\ude00', voice: 'a' }).characters,
    ).toBe(7);
  });
});
