/** What is read of a request and of an answer beside their tokens. */
import { describe, expect, it } from 'vitest';
import { openaiAdapter, readOpenAIRequest } from '../../src/providers/openai.js';

const OPENAI = 'https://api.openai.com/v1';
const read = (path: string, body: unknown) => readOpenAIRequest({ method: 'POST', url: `${OPENAI}${path}`, body });
const wholeOf = (path: string, answer: unknown) => {
  const reader = openaiAdapter.createUsageReader(read(path, {}));
  reader.whole(answer);
  return reader.reading();
};

describe('a request', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,x' } };
  it.each<[string, object, true | undefined]>([
    ['/chat/completions', { messages: [{ role: 'user', content: 'no' }] }, undefined],
    ['/chat/completions', { messages: [{ role: 'user', content: [{ type: 'text', text: 'image_url' }] }] }, undefined],
    ['/chat/completions', { messages: [{ role: 'system', content: 'x' }, { content: [image] }] }, true],
    ['/responses', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] }, true],
    ['/responses', { input: [{ type: 'function_call_output', output: [{ type: 'input_image' }] }] }, true],
    ['/responses', { input: [{ type: 'computer_call_output', output: { type: 'computer_screenshot' } }] }, true],
    ['/moderations', { input: [image] }, true],
    ['/responses', { input: 'an image_url' }, undefined],
    ['/chat/completions', { messages: [null, 3, { content: null }] }, undefined],
  ])('%s %j carries images: %s', (path, body, expected) => {
    expect(read(path, body).hasVisionContent).toBe(expected);
  });

  it('says which tier it asks for', () => {
    expect(read('/responses', { service_tier: 'flex' }).requestedServiceTier).toBe('flex');
    expect(read('/responses', { service_tier: null }).requestedServiceTier).toBeUndefined();
  });

  it.each<[string, object, object]>([
    [
      '/chat/completions',
      {
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'developer', content: [{ type: 'text', text: 'no lists' }] },
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'yes?' },
        ],
      },
      {
        systemPrompt: 'be brief\nno lists',
        inputMessages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'yes?' },
        ],
      },
    ],
    [
      '/responses',
      { instructions: 'be brief', input: 'hi' },
      { systemPrompt: 'be brief', inputMessages: [{ role: 'user', content: 'hi' }] },
    ],
    ['/completions', { prompt: ['a', 'b'] }, { inputMessages: [{ content: 'a' }, { content: 'b' }] }],
    ['/images/generations', { prompt: 'a cat' }, { inputMessages: [{ role: 'user', content: 'a cat' }] }],
    ['/audio/speech', { input: 'hello' }, { inputMessages: [{ role: 'user', content: 'hello' }] }],
    ['/chat/completions', { messages: 'odd' }, {}],
    ['/responses', {}, {}],
  ])('gives capture its prompt: %s %j', (path, body, expected) => {
    expect(read(path, body).prompts?.()).toMatchObject(expected);
  });

  it.each<[string, unknown, object]>([
    ['/images/generations', { n: 3, size: 'auto', quality: 'high' }, { requestedImageCount: 3, quality: 'high' }],
    ['/images/generations', { n: 'x' }, { requestedImageCount: 1 }],
    ['/images/edits', { n: '2', size: '512x512' }, { requestedImageCount: 2, resolution: '512x512' }],
    ['/audio/speech', { input: '🌊ab', model: 'tts-1' }, { characterCount: 3, billingUnit: 'PER_CHARACTER' }],
    ['/videos', { seconds: '12' }, { requestedDurationSeconds: 12, asyncOperation: true }],
    ['/videos', { seconds: '' }, { asyncOperation: true }],
  ])('of media says what it asks for: %s %j', (path, body, expected) => {
    const media = read(path, body).media ?? {};
    expect(media).toMatchObject(expected);
    expect(Object.values(media)).not.toContain(undefined);
    expect(media.resolution).not.toBe('auto');
  });

  it('that streams says so in each of its ways', () => {
    expect(read('/audio/transcriptions', { stream: 'true' }).streaming).toBe(true);
    expect(read('/audio/speech', { stream_format: 'sse' }).streaming).toBe(true);
    expect(read('/audio/speech', { stream_format: 'audio', stream: true }).streaming).toBe(false);
  });
});

describe('an answer', () => {
  it('names sound among the tokens of a chat, and images among its input', () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 20,
      total_tokens: 30,
      prompt_tokens_details: { audio_tokens: 4, image_tokens: 3 },
      completion_tokens_details: { audio_tokens: 6 },
    };
    expect(wholeOf('/chat/completions', { choices: [], usage })).toMatchObject({
      media: { inputAudioTokenCount: 4, outputAudioTokenCount: 6 },
      attributes: { inputImageTokens: 3 },
    });
    const silent = { ...usage, prompt_tokens_details: { audio_tokens: 0 }, completion_tokens_details: {} };
    expect(wholeOf('/chat/completions', { choices: [], usage: silent }).media).toBeUndefined();
  });

  const search = (action: object) => ({ type: 'web_search_call', status: 'completed', ...action });
  const OUTPUT = [
    search({ action: { type: 'search', query: 'x' } }),
    search({ action: { type: 'open_page' } }),
    search({}),
    { type: 'file_search_call' },
    { type: 'image_generation_call' },
    { type: 'message', content: [] },
  ];

  it('counts the tools that are billed apart', () => {
    const reading = wholeOf('/responses', { id: 'r', status: 'completed', output: OUTPUT });
    expect(reading.attributes).toEqual({ webSearches: 2, fileSearches: 1, imageGenerations: 1 });
    expect(wholeOf('/responses', { id: 'r', status: 'completed', output: [] }).attributes).toBeUndefined();
  });

  it('takes OpenAI’s own count of them where it is given', () => {
    const tool_usage = { web_search: { num_requests: 5 }, image_gen: { input_tokens: 7, output_tokens: 0 } };
    expect(wholeOf('/responses', { id: 'r', status: 'completed', output: OUTPUT, tool_usage }).attributes).toEqual({
      webSearches: 5,
      fileSearches: 1,
      imageGenerations: 1,
      imageToolInputTokens: 7,
    });
  });

  it('counts them once in a stream, and also where the stream is cut', () => {
    const reader = openaiAdapter.createUsageReader(read('/responses', { stream: true }));
    for (const item of OUTPUT) reader.chunk({ type: 'response.output_item.done', item });
    expect(reader.reading().attributes).toMatchObject({ webSearches: 2 });
    reader.chunk({ type: 'response.completed', response: { id: 'r', status: 'completed', output: OUTPUT } });
    expect(reader.reading().attributes).toMatchObject({ webSearches: 2, imageGenerations: 1 });
  });

  it('I4: does not make a transaction id of a moderation’s short id', () => {
    expect(read('/moderations', { input: 'x' }).idsAreUnique).toBe(false);
    expect(wholeOf('/moderations', { id: 'modr-1', model: 'omni', results: [] })).toMatchObject({ finished: true });
  });

  it.each<[string, object, object]>([
    ['/images/generations', { error: { message: 'no' } }, { errorReason: 'no' }],
    ['/videos', { id: 'v', status: 'failed', error: { message: 'no' } }, { errorReason: 'no', responseId: 'v' }],
    ['/audio/transcriptions', { error: 'no' }, { errorReason: 'no' }],
  ])('of media can be an error under HTTP 200: %s %j', (path, answer, expected) => {
    expect(wholeOf(path, answer)).toMatchObject(expected);
  });
});
