import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { FusewireError } from '../../src/errors.js';
import { createFusewireOn } from '../../src/instance.js';
import { createGuardedFetch, type GuardedFetch, type GuardFetchOptions } from '../../src/instrument/guarded-fetch.js';
import { instrumentOllama } from '../../src/instrument/ollama.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { providerAt, REGISTERED_PROVIDERS } from '../../src/providers/registry.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { falId, type StubFal, startStubFal } from '../helpers/stub-fal.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const CHAT_URL = 'https://api.openai.com/v1/chat/completions';
const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] };
const ANSWERED = 'gpt-4o-mini-2026-01-01';
const COUNTS = { inputTokenCount: 21, outputTokenCount: 9, totalTokenCount: 30 };
const JSON_HEADERS = { 'content-type': 'application/json' };

let stub: StubProvider;
let fal: StubFal;
let recording: RecordingPath;
let recognised: string[];
beforeAll(async () => {
  [stub, fal] = await Promise.all([startStubProvider(), startStubFal()]);
});
afterAll(() => Promise.all([stub.close(), fal.close()]));
beforeEach(() => {
  stub.reset();
  fal.reset();
  recording = createRecordingPath();
  recognised = [];
});

/** Leads every host to the stub, and keeps what it was called with. */
function lead(seen: unknown[][] = []) {
  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    seen.push([input, init]);
    const isRequest = input instanceof Request;
    const url = new URL(isRequest ? input.url : String(input));
    if (url.hostname.endsWith('fal.run')) return fal.fetch(url, init);
    const target = `${stub.url}${url.pathname}${url.search}`;
    return isRequest ? fetch(new Request(target, input), init) : fetch(target, init);
  };
}

function guarded(options: GuardFetchOptions = {}, inner = lead()): GuardedFetch {
  const { path, runtime } = recording;
  return createGuardedFetch(
    inner as never,
    { path, runtime, recognised: (name) => void recognised.push(name) },
    options,
  );
}

const post = (body: unknown, more: object = {}) => ({
  method: 'POST',
  headers: JSON_HEADERS,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...more,
});
const only = () => {
  expect(recording.events).toHaveLength(1);
  expect(recording.open.size).toBe(0);
  return recording.events[0]!;
};

describe('who answers where', () => {
  it.each([
    ['https://api.openai.com/v1/chat/completions', 'openai'],
    ['https://eu.api.openai.com/v1/embeddings', 'openai'],
    ['https://my.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21', 'openai'],
    ['https://api.groq.com/openai/v1/chat/completions', 'openai'],
    ['https://openrouter.ai/api/v1/chat/completions', 'openai'],
    ['https://api.anthropic.com/v1/messages', 'anthropic'],
    ['https://api.anthropic.com/v1/chat/completions', 'openai'],
    [
      'https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict',
      'anthropic',
    ],
    ['https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent', 'google'],
    ['https://generativelanguage.googleapis.com/v1beta/openai/chat/completions', 'openai'],
    [
      'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/g:generateContent',
      'google',
    ],
    ['https://api.perplexity.ai/chat/completions', 'perplexity'],
    ['http://localhost:11434/api/chat', 'ollama'],
    ['http://localhost:11434/v1/chat/completions', 'openai'],
    ['https://queue.fal.run/fal-ai/flux', 'fal'],
    ['https://example.org/v1/chat/completions', undefined],
    ['https://management.azure.com/subscriptions?api-version=2024-01-01', undefined],
    ['https://storage.googleapis.com/bucket', undefined],
    ['https://api.openai.com.evil.example/v1/chat/completions', undefined],
  ])('%s: %s', (url, name) => {
    expect(providerAt(new URL(url), undefined)?.name).toBe(name);
  });

  it('the program names servers of its own, with a port or without', () => {
    expect(providerAt(new URL('http://models.internal:8000/v1/x'), { 'models.internal:8000': 'openai' })?.name).toBe(
      'openai',
    );
    expect(providerAt(new URL('http://models.internal/x'), { 'models.internal': 'anthropic' })?.name).toBe('anthropic');
    expect(providerAt(new URL('http://constructor/x'), {})).toBeUndefined();
    for (const { name } of REGISTERED_PROVIDERS) expect(providerAt(new URL('http://a/'), { a: name })?.name).toBe(name);
  });
});

describe('I1: refused means not sent', () => {
  it.each<[string, (send: GuardedFetch) => Promise<Response>]>([
    ['a text', (send) => send(CHAT_URL, post(CHAT))],
    ['a URL', (send) => send(new URL(CHAT_URL), post(CHAT))],
    ['a Request', (send) => send(new Request(CHAT_URL, post(CHAT)))],
    ['a stream of bytes', (send) => send(CHAT_URL, post('', { body: streamOf('{}'), duplex: 'half' }))],
    ['a run of fal', (send) => send('https://fal.run/fal-ai/flux/dev', post({ prompt: 'a' }))],
    ['messages', (send) => send('https://api.anthropic.com/v1/messages', post({ ...CHAT, max_tokens: 5 }))],
    ['Gemini', (send) => send('https://generativelanguage.googleapis.com/v1beta/models/g:generateContent', post({}))],
    ['Ollama', (send) => send('http://localhost:11434/api/chat', post(CHAT))],
  ])('%s: the error itself, and no request', async (_name, call) => {
    recording.refuse();
    const error = await call(guarded()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toEqual([]);
    expect(fal.requests).toEqual([]);
    expect(recording.events).toEqual([]);
    expect(recording.refusals).toBe(1);
  });

  it('an endpoint that no adapter knows passes and is flagged, or is refused', async () => {
    const url = 'https://api.openai.com/v1/brand_new/things';
    await (await guarded()(url, post({ model: 'm' }))).text();
    expect(only().attributes).toMatchObject({ unknownEndpoint: true });
    const error = await guarded({ unknownEndpoints: 'refuse' })(url, post({ model: 'm' })).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'BudgetExceededError', reason: 'UNKNOWN_ENDPOINT', ruleName: null });
    expect(stub.requests).toHaveLength(1);
    expect(recording.refusals).toBe(1);
    await guarded({ unknownEndpoints: 'refuse' })(CHAT_URL, post(CHAT));
    await guarded({ unknownEndpoints: 'refuse' })('https://api.openai.com/v1/models');
    expect(stub.requests).toHaveLength(3);
  });

  it('a client that is not guarded wraps and repeats it; it is found through the cause, and nothing was sent', async () => {
    recording.refuse();
    const client = new OpenAI({ apiKey: 'k', fetch: guarded() as never, maxRetries: 0 });
    const error = await client.chat.completions.create(CHAT as never).catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(BudgetExceededError);
    expect(BudgetExceededError.find(error)?.ruleName).toBe('daily');
    expect(stub.requests).toEqual([]);
  });
});

describe('I4: one attempt, one event', () => {
  it('an answer that is read is metered; the metadata does not leave, from the init or from the body', async () => {
    const seen: unknown[][] = [];
    const send = guarded({}, lead(seen));
    const init = post(CHAT, { usageMetadata: { agent: 'a' } });
    const response = await send(CHAT_URL, init);
    expect(await response.json()).toMatchObject({ model: ANSWERED });
    expect(only()).toMatchObject({ ...COUNTS, provider: 'OPENAI', model: ANSWERED, agent: 'a' });
    expect(Reflect.get(response, '_revenium_transaction_id')).toBe(only().transactionId);
    expect(Object.keys(response)).toEqual([]);
    expect(seen[0]![1]).not.toHaveProperty('usageMetadata');
    expect(init).toHaveProperty('usageMetadata');
    await (await send(CHAT_URL, post({ ...CHAT, usageMetadata: { agent: 'b' } }))).text();
    expect(recording.events[1]).toMatchObject({ agent: 'b' });
    expect(JSON.parse(stub.requests[1]!.text)).toEqual(CHAT);
    expect(recognised).toEqual(['openai', 'openai']);
  });

  it('a Request, bytes and a form are read as well, and arrive as they were', async () => {
    const send = guarded();
    const request = new Request(CHAT_URL, post({ ...CHAT, usage_metadata: { agent: 'r' } }));
    await (await send(request)).text();
    expect(request.bodyUsed).toBe(false);
    await (await send(new Request(CHAT_URL, post(CHAT)), { usageMetadata: { agent: 's' } })).text();
    await (await send(CHAT_URL, post('', { body: Buffer.from(JSON.stringify(CHAT)) }))).text();
    const form = new FormData();
    form.set('model', 'whisper-1');
    form.set('file', new Blob(['RIFF']), 'a.wav');
    await (await send('https://api.openai.com/v1/audio/transcriptions', { method: 'POST', body: form })).text();
    expect(recording.events.map(({ model, agent }) => [model, agent])).toEqual([
      [ANSWERED, 'r'],
      [ANSWERED, 's'],
      [ANSWERED, undefined],
      ['whisper-1', undefined],
    ]);
    for (const { text } of stub.requests) expect(text).not.toMatch(/usage_?metadata/i);
    expect(recording.decided.map(({ model }) => model)).toEqual([CHAT.model, CHAT.model, CHAT.model, 'whisper-1']);
  });

  it('a stream as body is neither consumed nor kept: decided by its address, metered by its answer', async () => {
    const body = streamOf(JSON.stringify(CHAT));
    const seen: unknown[][] = [];
    await (await guarded({}, lead(seen))(CHAT_URL, post('', { body, duplex: 'half' }))).text();
    expect((seen[0]![1] as RequestInit).body).toBe(body);
    expect(recording.decided).toEqual([expect.objectContaining({ provider: 'OPENAI', model: undefined })]);
    expect(only()).toMatchObject({ ...COUNTS, model: ANSWERED });
  });

  it('a stream of events: usage is asked for where that is known to be taken, and its traces are taken out', async () => {
    const response = await guarded()(CHAT_URL, post({ ...CHAT, stream: true }));
    const text = await response.text();
    expect(JSON.parse(stub.requests[0]!.text)).toMatchObject({ stream_options: { include_usage: true } });
    expect(text).not.toContain('"usage"');
    expect(text.trim().endsWith('data: [DONE]')).toBe(true);
    expect(only()).toMatchObject({ ...COUNTS, isStreamed: true, attributes: { usageState: 'reported' } });
    await (await guarded({ injectUsage: false })(CHAT_URL, post({ ...CHAT, stream: true }))).text();
    expect(JSON.parse(stub.requests[1]!.text)).not.toHaveProperty('stream_options');
    expect(recording.events[1]!.attributes).toMatchObject({ usageState: 'estimated' });
  });

  it('an abort, an error answer, a connection that breaks', async () => {
    stub.faults.push('hang');
    const controller = new AbortController();
    const aborted = guarded()(CHAT_URL, post(CHAT, { signal: controller.signal }));
    const failed = expect(aborted).rejects.toThrow('abort');
    while (stub.requests.length === 0) await new Promise((go) => setImmediate(go));
    controller.abort();
    await failed;
    stub.faults.push({ status: 429, message: 'slow down' });
    const response = await guarded()(CHAT_URL, post(CHAT));
    expect(response.status).toBe(429);
    await response.text();
    stub.faults.push('cut');
    await expect(guarded()(CHAT_URL, post(CHAT)).then((answer) => answer.json())).rejects.toThrow();
    expect(recording.events.map(({ stopReason, errorCode }) => [stopReason, errorCode])).toEqual([
      ['CANCELLED', undefined],
      ['ERROR', 429],
      ['ERROR', undefined],
    ]);
  });

  it('an answer that nobody reads is metered after a minute', async () => {
    await guarded()(CHAT_URL, post(CHAT));
    expect(recording.events).toEqual([]);
    recording.advance(60_000);
    expect(only().attributes).toMatchObject({ end: 'abandoned' });
  });

  it('a redirect that the caller follows is no attempt of its own', async () => {
    const redirect = async () => new Response(null, { status: 307, headers: { location: CHAT_URL } });
    const response = await guarded({}, redirect as never)(CHAT_URL, post(CHAT, { redirect: 'manual' }));
    expect(response.status).toBe(307);
    expect(recording.events).toEqual([]);
    expect(recording.open.size).toBe(0);
  });

  it('fal’s queue: submitted, read, metered once', async () => {
    const send = guarded();
    const metadata = { usageMetadata: { agent: 'painter' } };
    const submitted = await send(
      'https://queue.fal.run/fal-ai/flux/dev',
      post({ prompt: 'a', num_images: 2 }, metadata),
    );
    const { request_id: id } = (await submitted.json()) as { request_id: string };
    expect(recording.events).toEqual([]);
    const read = () => send(`https://queue.fal.run/fal-ai/flux/requests/${id}`).then((answer) => answer.json());
    expect(await read()).toEqual(fal.answer);
    await read();
    expect(only()).toMatchObject({ transactionId: falId(1), agent: 'painter', model: 'fal-ai/flux/dev' });
  });

  it('a background response is metered when its end is read', async () => {
    const send = guarded();
    const made = await send('https://api.openai.com/v1/responses', post({ model: 'm', input: 'x', background: true }));
    const { id } = (await made.json()) as { id: string };
    for (let poll = 0; poll < 3; poll += 1) await (await send(`https://api.openai.com/v1/responses/${id}`)).json();
    expect(only()).toMatchObject({ ...COUNTS, transactionId: id });
  });
});

describe('I2, I3: nothing else changes', () => {
  it('a host that nobody knows gets the very arguments, and gives the very answer', async () => {
    const answer = new Response('hi');
    const seen: unknown[][] = [];
    const inner = async (...given: unknown[]) => {
      seen.push(given);
      return answer;
    };
    const init = { method: 'POST', body: streamOf('x') };
    const url = new URL('https://example.org/a');
    expect(await guarded({}, inner as never)(url, init as never)).toBe(answer);
    expect(seen[0]).toEqual([url, init]);
    expect(seen[0]![1]).toBe(init);
    expect(Object.getOwnPropertyNames(answer)).toEqual([]);
    await guarded({}, inner as never)('https://example.org/a', { usageMetadata: { agent: 'a' }, method: 'PUT' });
    expect(seen[1]![1]).toEqual({ method: 'PUT' });
    await guarded({}, inner as never)('no url at all');
    expect(recording.decided).toEqual([]);
  });

  it('the answer of a known host stays the very object', async () => {
    const answer = Response.json({ id: 'x', model: 'm', choices: [] });
    const response = await guarded({}, (async () => answer) as never)(CHAT_URL, post(CHAT));
    expect(response).toBe(answer);
  });

  it('errors of the fetch inside pass unchanged', async () => {
    const broken = new TypeError('fetch failed');
    const error = await guarded({}, (() => Promise.reject(broken)) as never)(CHAT_URL, post(CHAT)).catch(
      (e: unknown) => e,
    );
    expect(error).toBe(broken);
    expect(only()).toMatchObject({ stopReason: 'ERROR', errorReason: 'fetch failed' });
  });

  it('a body that is no JSON passes', async () => {
    const response = await guarded()(CHAT_URL, post('{"model":', {}));
    expect(response.status).toBe(200);
    await response.text();
    expect(stub.requests[0]!.text).toBe('{"model":');
  });
});

describe('with guarded clients: one decision, one event', () => {
  it('openai', async () => {
    const client = new OpenAI({ apiKey: 'k', fetch: guarded() as never });
    instrumentOpenAI(client, recording.path, {}, recording.runtime);
    await client.chat.completions.create(CHAT as never);
    expect(recording.decided).toHaveLength(1);
    expect(only()).toMatchObject(COUNTS);
  });

  it('ollama, whichever is laid first', async () => {
    const answer = () =>
      Response.json({ model: 'm', message: { content: 'hi' }, done: true, prompt_eval_count: 3, eval_count: 1 });
    const client = new Ollama({
      host: 'http://localhost:11434',
      fetch: guarded({}, (async () => answer()) as never) as never,
    });
    instrumentOllama(client, recording.path, recording.runtime);
    await client.chat({ model: 'm', messages: [{ role: 'user', content: 'a' }] });
    expect(recording.decided).toHaveLength(1);
    expect(only()).toMatchObject({ inputTokenCount: 3, outputTokenCount: 1 });
  });

  it('a guarded fetch around a guarded fetch', async () => {
    const inner = guarded();
    await (await guarded({}, inner as never)(CHAT_URL, post(CHAT))).text();
    expect(recording.decided).toHaveLength(1);
    only();
  });
});

describe('guardFetch of an instance', () => {
  it('names every wrong option, and isInitialized knows whom it met', async () => {
    const env = { REVENIUM_METERING_API_KEY: 'hak_test', REVENIUM_LOG_LEVEL: 'CRITICAL' };
    const fusewire = createFusewireOn({ env }, { meteringBaseUrl: stub.url });
    const error = (() => {
      try {
        fusewire.guardFetch('fetch' as never, { hosts: { a: 'nobody' }, unknownEndpoints: 'ask', timeout: 1 } as never);
      } catch (thrown) {
        return thrown as FusewireError;
      }
      return undefined;
    })();
    expect(error).toMatchObject({ name: 'FusewireError', code: 'INVALID_OPTIONS' });
    expect(error?.problems).toHaveLength(4);
    const send = fusewire.guardFetch(lead() as never);
    expect(fusewire.isInitialized('openai')).toBe(false);
    await (await send(CHAT_URL, post(CHAT))).text();
    expect(fusewire.isInitialized('openai')).toBe(true);
    expect(fusewire.status().calls).toMatchObject({ attempts: 1 });
    await fusewire.close();
  });
});

function streamOf(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream() as ReadableStream<Uint8Array>;
}
