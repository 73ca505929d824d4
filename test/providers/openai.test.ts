import { describe, expect, it } from 'vitest';
import { azureModel } from '../../src/providers/azure-model.js';
import { openaiAdapter, readOpenAIRequest } from '../../src/providers/openai.js';
import { openAIPromptText } from '../../src/providers/openai-prompt-text.js';
import { chatStopReason, responseStopReason } from '../../src/providers/openai-stop-reason.js';

const read = (method: string, url: string, body: unknown = undefined) => readOpenAIRequest({ method, url, body });
const OPENAI = 'https://api.openai.com/v1';

describe('the OpenAI adapter', () => {
  it.each([
    ['POST', '/chat/completions', 'chat.completions', 'call', true, 'CHAT'],
    ['POST', '/responses', 'responses', 'call', true, 'CHAT'],
    ['POST', '/responses/compact', 'responses.compact', 'call', true, 'CHAT'],
    ['POST', '/embeddings', 'embeddings', 'call', true, 'EMBED'],
    ['POST', '/completions', 'completions', 'call', true, 'CHAT'],
    ['GET', '/responses/resp_1?stream=true', 'responses.retrieve', 'poll', true, 'CHAT'],
    ['POST', '/responses/resp_1/cancel', 'responses.cancel', 'poll', true, 'CHAT'],
    ['GET', '/responses/resp_1/input_items', 'responses.input_items', 'free', true, 'OTHER'],
    ['DELETE', '/responses/resp_1', 'responses', 'free', true, 'OTHER'],
    ['POST', '/chat/completions/chatcmpl_1', 'chat.completions', 'free', true, 'OTHER'],
    ['POST', '/responses/input_tokens', 'responses.input_tokens', 'free', true, 'OTHER'],
    ['GET', '/models', 'models', 'free', true, 'OTHER'],
    ['POST', '/files', 'files', 'free', true, 'OTHER'],
    ['POST', '/moderations', 'moderations', 'call', true, 'MODERATION'],
    ['POST', '/images/generations', 'images.generations', 'call', true, 'IMAGE'],
    ['POST', '/images/edits', 'images.edits', 'call', true, 'IMAGE'],
    ['POST', '/images/variations', 'images.variations', 'call', true, 'IMAGE'],
    ['POST', '/images/upscales', 'images.upscales', 'call', false, 'IMAGE'],
    ['POST', '/audio/speech', 'audio.speech', 'call', true, 'AUDIO'],
    ['POST', '/audio/transcriptions', 'audio.transcriptions', 'call', true, 'AUDIO'],
    ['POST', '/audio/translations', 'audio.translations', 'call', true, 'AUDIO'],
    ['POST', '/audio/voices', 'audio.voices', 'call', false, 'AUDIO'],
    ['POST', '/videos', 'videos', 'call', true, 'VIDEO'],
    ['POST', '/videos/video_1/remix', 'videos.remix', 'call', true, 'VIDEO'],
    ['POST', '/videos/extensions', 'videos.extensions', 'call', true, 'VIDEO'],
    ['POST', '/videos/characters', 'videos.characters', 'call', false, 'VIDEO'],
    ['GET', '/videos/video_1', 'videos', 'free', true, 'OTHER'],
    ['GET', '/videos/video_1/content', 'videos.content', 'free', true, 'OTHER'],
    ['GET', '/files/file_1/content', 'files.content', 'free', true, 'OTHER'],
    ['POST', '/fine_tuning/jobs', 'fine_tuning.jobs', 'call', false, 'OTHER'],
    ['POST', '/realtime/client_secrets', 'realtime.client_secrets', 'call', false, 'OTHER'],
    ['POST', '/rerank', 'rerank', 'call', false, 'RERANK'],
    ['POST', '/batches', 'batches', 'call', false, 'OTHER'],
    ['POST', '/threads/runs', 'threads.runs', 'call', false, 'OTHER'],
  ])('I1: %s %s is %s, a %s', (method, path, endpoint, kind, known, operationType) => {
    expect(read(method, `${OPENAI}${path}`)).toMatchObject({ endpoint, kind, known, operationType });
  });

  it.each([
    [`${OPENAI}/chat/completions`, 'OPENAI', 'OPENAI', true, true],
    ['https://eu.api.openai.com/v1/chat/completions', 'OPENAI', 'OPENAI', true, true],
    ['https://api.openai.com.evil.example/v1/chat/completions', 'OPENAI', 'OPENAI', false, false],
    ['http://localhost:11434/v1/chat/completions', 'OLLAMA', 'OLLAMA', false, true],
    ['http://127.0.0.1:11434/v1/chat/completions', 'OLLAMA', 'OLLAMA', false, true],
    ['https://ollama.com/v1/chat/completions', 'OLLAMA', 'OLLAMA', false, true],
    ['http://my-ollama.internal:8080/v1/chat/completions', 'OLLAMA', 'OLLAMA', false, true],
    ['https://x.openai.azure.com/openai/v1/chat/completions', 'Azure', 'OPENAI', true, true],
    [
      'https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21',
      'Azure',
      'OPENAI',
      true,
      true,
    ],
    [
      'https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-02-01',
      'Azure',
      'OPENAI',
      true,
      false,
    ],
    ['https://proxy.example/openai/deployments/d/chat/completions', 'Azure', 'OPENAI', true, false],
    ['https://llm.example/v1/chat/completions', 'OPENAI', 'OPENAI', false, false],
  ])('I4: %s is %s / %s, with unique ids: %s, that takes include_usage: %s', (url, provider, source, unique, takes) => {
    const expected = { provider, modelSource: source, idsAreUnique: unique, takesIncludeUsage: takes };
    expect(read('POST', url, { model: 'm' })).toMatchObject(expected);
  });

  it('names the host where the provider had to be assumed, and no other', () => {
    expect(read('POST', 'https://user:pass@llm.example:8443/v1/completions').assumedHost).toBe('llm.example:8443');
    expect(read('POST', `${OPENAI}/completions`).assumedHost).toBeUndefined();
  });

  it('reads model, stream, tools and temperature', () => {
    const body = { model: 'm', stream: true, tools: [{}], temperature: 0, n: 3 };
    expect(read('POST', `${OPENAI}/chat/completions`, body)).toMatchObject({
      model: 'm',
      streaming: true,
      operationSubtype: 'function_call',
      temperature: 0,
      choicesAsked: 3,
    });
  });

  it.each([undefined, null, 'text', 7, [], { model: 5, stream: 'yes', tools: {}, messages: 'x' }])(
    'never throws on a body such as %j',
    (body) => {
      const reading = read('POST', `${OPENAI}/chat/completions`, body);
      expect(reading).toMatchObject({ streaming: false, kind: 'call' });
      expect(typeof reading.promptText()).toBe('string');
    },
  );

  it('takes the text of a prompt, and neither media nor words of the protocol', () => {
    const text = openAIPromptText({
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: 'data:x' } },
          ],
        },
      ],
      tools: [{ type: 'function', function: { name: 'weather', description: 'tells' } }],
    });
    expect(text.split('\n')).toEqual(['be brief', 'look', 'weather', 'tells']);
    expect(openAIPromptText({ prompt: [1, 2, 3] })).toBe('a a a ');
  });
});

describe('the usage readers', () => {
  const readerFor = (path: string, body: unknown = {}) =>
    openaiAdapter.createUsageReader(read('POST', `${OPENAI}${path}`, body));

  it('I5: leave undefined what the provider did not give', () => {
    const reader = readerFor('/chat/completions');
    reader.whole({ id: 'a', choices: [], usage: { prompt_tokens: 3, completion_tokens: -1, total_tokens: '9' } });
    expect(reader.reading()).toMatchObject({ inputTokens: 3, outputTokens: undefined, totalTokens: undefined });
  });

  it('take the last usage of a stream, from x_groq too', () => {
    const reader = readerFor('/chat/completions');
    reader.chunk({ id: 'a', usage: null, choices: [{ index: 0, delta: { content: 'x' } }] });
    reader.chunk({
      id: 'a',
      choices: [],
      x_groq: { usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
    });
    expect(reader.reading()).toMatchObject({ totalTokens: 3, outputText: 'x', finished: false });
  });

  it('are finished when every choice that was asked for ended', () => {
    const reader = readerFor('/chat/completions', { n: 2 });
    reader.chunk({ choices: [{ index: 1, delta: {}, finish_reason: 'length' }] });
    expect(reader.reading().finished).toBe(false);
    reader.chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    expect(reader.reading()).toMatchObject({ finished: true, stopReason: 'TOKEN_LIMIT' });
  });

  it('count refusals and calls of tools as text', () => {
    const reader = readerFor('/chat/completions');
    reader.chunk({
      choices: [{ delta: { refusal: 'no ', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] } }],
    });
    expect(reader.reading().outputText).toBe('no f{}');
  });

  it('I4: recognise Ollama by its fingerprint, whatever the host', () => {
    const reader = readerFor('/chat/completions');
    reader.whole({ id: 'chatcmpl-1', system_fingerprint: 'fp_ollama', choices: [] });
    expect(reader.reading()).toMatchObject({ provider: 'OLLAMA', modelSource: 'OLLAMA', idsAreUnique: false });
  });

  it('read a response to its terminal event, and an error inside', () => {
    const reader = readerFor('/responses');
    reader.chunk({ type: 'response.created', response: { id: 'r', status: 'in_progress', model: 'm', usage: null } });
    reader.chunk({ type: 'response.output_text.delta', delta: 'abc' });
    reader.chunk({ type: 'response.audio.delta', delta: 'QUJD' });
    expect(reader.reading()).toMatchObject({ responseId: 'r', pending: false, finished: false, outputText: 'abc' });
    const incomplete_details = { reason: 'max_output_tokens' };
    reader.chunk({ type: 'response.incomplete', response: { id: 'r', status: 'incomplete', incomplete_details } });
    expect(reader.reading()).toMatchObject({ finished: true, stopReason: 'TOKEN_LIMIT' });
    const failed = readerFor('/responses');
    failed.chunk({ type: 'error', code: 'server_error', message: 'it broke' });
    expect(failed.reading().errorReason).toBe('it broke');
  });

  it.each([undefined, null, 'x', 3, [], {}, { choices: [null, 3], usage: [] }, { output: [null], response: 3 }])(
    'never throw on %j',
    (value) => {
      for (const path of [
        '/chat/completions',
        '/responses',
        '/embeddings',
        '/images/edits',
        '/videos',
        '/moderations',
      ]) {
        const reader = readerFor(path);
        reader.chunk(value);
        reader.whole(value);
        expect(reader.reading().outputText).toBe('');
      }
    },
  );
});

describe('stop reasons (contract 6.1)', () => {
  it.each([
    ['stop', 'END'],
    ['STOP', 'END'],
    ['tool_calls', 'END_SEQUENCE'],
    ['length', 'TOKEN_LIMIT'],
    ['content_filter', 'ERROR'],
    ['something new', 'END'],
    ['constructor', 'END'],
  ])('of a choice: %s is %s', (given, expected) => expect(chatStopReason(given)).toBe(expected));

  it.each([
    ['completed', undefined, 'END'],
    ['incomplete', 'max_output_tokens', 'TOKEN_LIMIT'],
    ['incomplete', 'max_messages', 'COMPLETION_LIMIT'],
    ['incomplete', 'content_filter', 'ERROR'],
    ['incomplete', 'steered', 'END'],
    ['failed', undefined, 'ERROR'],
    ['cancelled', undefined, 'CANCELLED'],
    ['queued', undefined, undefined],
    ['in_progress', undefined, undefined],
    [undefined, undefined, 'END'],
  ])('of a response: %s (%s) is %s', (status, reason, expected) =>
    expect(responseStopReason(status, reason)).toBe(expected),
  );
});

describe('models of Azure deployments (contract 6.3)', () => {
  it.each([
    ['my-gpt-4o', 'gpt-4o'],
    ['prod_GPT-4o_mini', 'gpt-4o-mini'],
    ['gpt-4o-realtime-preview', 'gpt-4o-realtime-preview'],
    ['team-o4', 'gpt-4o'],
    ['o4-mini', 'o4-mini'],
    ['gpt-4.1-mini', 'gpt-4.1-mini'],
    ['gpt-41', 'gpt-41'],
    ['gpt4-1106', 'gpt-4-turbo'],
    ['gpt-4-0613', 'gpt-4-turbo'],
    ['gpt-4-vision', 'gpt-4-vision-preview'],
    ['gpt-4-32k', 'gpt-4-32k'],
    ['gpt-4', 'gpt-4'],
    ['gpt-35-turbo', 'gpt-3.5-turbo'],
    ['gpt-3.5-turbo-16k', 'gpt-3.5-turbo-16k'],
    ['gpt-35-turbo-instruct', 'gpt-3.5-turbo-instruct'],
    ['text-embedding-ada-002', 'text-embedding-ada-002'],
    ['my-embedding-3-large', 'text-embedding-3-large'],
    ['dalle3', 'dall-e-3'],
    ['whisper', 'whisper-1'],
    ['tts-hd', 'tts-1-hd'],
    ['gpt-5-mini', 'gpt-5-mini'],
    ['prod-gpt-5.1-codex-max', 'gpt-5.1-codex-max'],
    ['gpt-5-2025-08-07', 'gpt-5'],
    ['team-gpt5-nano', 'gpt-5-nano'],
    ['my-o3-mini', 'o3-mini'],
    ['o1', 'o1'],
    ['o3-deep-research', 'o3-deep-research'],
    ['gpt-4o-mini-transcribe', 'gpt-4o-mini-transcribe'],
    ['speech-gpt-4o-mini-tts', 'gpt-4o-mini-tts'],
    ['gpt-image-1-mini', 'gpt-image-1-mini'],
    ['draw-gpt-image-1.5', 'gpt-image-1.5'],
    ['sora-2', 'sora-2'],
    ['embedding-3-small-eu', 'text-embedding-3-small'],
    ['Chat Prod', 'Chat Prod'],
  ])('%s is %s', (deployment, model) => expect(azureModel(deployment)).toBe(model));
});
