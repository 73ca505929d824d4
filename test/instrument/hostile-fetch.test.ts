/** Requests in every form in which a program, or whoever writes its addresses, might get one past the guarded fetch. */
import { describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetch, type GuardFetchOptions } from '../../src/instrument/guarded-fetch.js';
import { type ProviderName, REGISTERED_PROVIDERS } from '../../src/providers/registry.js';
import { createRecordingPath } from '../helpers/recording-path.js';

const URL_OF_CHAT = 'https://api.openai.com/v1/chat/completions';
const TEXT = JSON.stringify({ model: 'gpt-4o', messages: [] });
const JSON_HEADERS = { 'content-type': 'application/json' };
const ANSWER = { id: 'x', usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }, choices: [] };
type Inner = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

function guarded(options: GuardFetchOptions = {}, inner: Inner = async () => Response.json(ANSWER)) {
  const recording = createRecordingPath();
  const { path, runtime } = recording;
  const send: GuardedFetch = createGuardedFetch(
    inner as never,
    { path, runtime, recognised: () => undefined },
    options,
  );
  return { recording, send };
}
const post = (more: object = {}) => ({ method: 'POST', headers: JSON_HEADERS, body: TEXT, ...more });

describe('an address', () => {
  it.each([
    ['with the dot that ends a name', 'https://api.openai.com./v1/chat/completions', 'OPENAI'],
    ['with capitals and a port', 'https://API.OpenAI.com:443/v1/chat/completions', 'OPENAI'],
    ['with backslashes', 'https:\\\\api.openai.com\\v1\\chat\\completions', 'OPENAI'],
    ['with blanks around', ' https://api.openai.com/v1/chat/completions\n', 'OPENAI'],
    ['with a way back', 'https://api.openai.com/v1/x/../chat/completions', 'OPENAI'],
    ['with an encoded letter', 'https://api.openai.com/v1/%63hat/completions', 'OPENAI'],
    ['in wide letters', 'https://ａｐｉ.openai.com/v1/chat/completions', 'OPENAI'],
    ['with a user', 'https://user:word@api.openai.com/v1/chat/completions', 'OPENAI'],
    ['of fal’s queue, with a dot', 'https://queue.fal.run./fal-ai/flux', 'fal_ai'],
    ['of Gemini, with a dot', 'https://generativelanguage.googleapis.com./v1beta/models/g:generateContent', 'Google'],
    ['of Ollama as a container sees it', 'http://host.docker.internal:11434/api/chat', 'OLLAMA'],
  ])('%s is decided, at its own endpoint', async (_name, url, provider) => {
    const { recording, send } = guarded({ unknownEndpoints: 'refuse' });
    await (await send(url, post())).text();
    expect(recording.decided).toMatchObject([{ provider }]);
    expect(recording.events.every((event) => event.attributes?.['unknownEndpoint'] === undefined)).toBe(true);
    recording.refuse();
    await expect(send(url, post())).rejects.toMatchObject({ name: 'BudgetExceededError' });
  });

  it.each(['gw.internal', 'GW.Internal', 'gw.internal:443', 'gw.internal.'])(
    'that the program names %s is decided, whichever provider it speaks',
    async (host) => {
      const paths: Record<ProviderName, string> = {
        openai: '/v1/chat/completions',
        anthropic: '/v1/messages',
        google: '/v1beta/models/g:generateContent',
        ollama: '/api/chat',
        perplexity: '/chat/completions',
        fal: '/fal-ai/flux',
      };
      for (const { name } of REGISTERED_PROVIDERS) {
        const { recording, send } = guarded({ hosts: { [host]: name } });
        await (await send(`https://gw.internal${paths[name]}`, post())).text();
        expect(recording.decided, name).toHaveLength(1);
      }
    },
  );

  it('of a proxy for fal: the header names where it goes', async () => {
    const { recording, send } = guarded();
    const headers = { ...JSON_HEADERS, 'x-fal-target-url': 'https://fal.run/fal-ai/flux/dev' };
    await (await send('https://app.example/api/fal/proxy', post({ headers }))).text();
    expect(recording.decided).toMatchObject([{ model: 'fal-ai/flux/dev' }]);
  });
});

describe('a body', () => {
  const bytes = new TextEncoder().encode(TEXT);
  it.each<[string, () => Parameters<GuardedFetch>]>([
    ['a Blob', () => [URL_OF_CHAT, post({ body: new Blob([TEXT], { type: 'application/json' }) })]],
    ['a view', () => [URL_OF_CHAT, post({ body: new DataView(bytes.slice().buffer) })]],
    ['bytes with blanks before', () => [URL_OF_CHAT, { method: 'POST', body: new TextEncoder().encode(`\n ${TEXT}`) }]],
    ['an object that is text', () => [URL_OF_CHAT, post({ body: new String(TEXT) })]],
    ['a Request without a type', () => [new Request(URL_OF_CHAT, { method: 'POST', body: TEXT })]],
    ['a Request of bytes', () => [new Request(URL_OF_CHAT, { method: 'POST', body: bytes })]],
    ['a Request of a Blob', () => [new Request(URL_OF_CHAT, { method: 'POST', body: new Blob([TEXT]) })]],
  ])('%s: its model is known before it is sent, and it arrives as it is', async (_name, call) => {
    const arrived: string[] = [];
    const { recording, send } = guarded({}, async (input, init) => {
      arrived.push((await new Request(input, init).text()).trim());
      return Response.json(ANSWER);
    });
    await (await send(...call())).text();
    expect(recording.decided).toMatchObject([{ model: 'gpt-4o' }]);
    expect(arrived).toEqual([TEXT]);
  });

  it('a Request whose body is written while it is sent is not waited for', async () => {
    let write: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        write = controller;
      },
    });
    const { recording, send } = guarded({}, async (input) => {
      write?.enqueue(bytes);
      write?.close();
      return Response.json({ ...ANSWER, echoed: await (input as Request).text() });
    });
    const request = new Request(URL_OF_CHAT, { method: 'POST', headers: JSON_HEADERS, body, duplex: 'half' } as object);
    const answer = send(request);
    await new Promise(setImmediate);
    expect(recording.decided).toEqual([]);
    recording.advance(1_000);
    expect(await (await answer).json()).toMatchObject({ echoed: TEXT });
    expect(recording.decided).toMatchObject([{ provider: 'OPENAI' }]);
    expect(recording.timers()).toBe(0);
  });

  it('I10: of a Request without an end no more than 32 MiB is looked at', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
      },
    });
    const { send } = guarded({}, async (input) => {
      await (input as Request).body?.cancel();
      return Response.json(ANSWER);
    });
    const request = new Request(URL_OF_CHAT, { method: 'POST', headers: JSON_HEADERS, body, duplex: 'half' } as object);
    await (await send(request)).text();
    expect(pulled).toBeLessThan(40);
  });
});

describe('what does not leave', () => {
  it.each<[string, string]>([
    ['a call that was aborted before', URL_OF_CHAT],
    ['a run of fal that was', 'https://fal.run/fal-ai/flux'],
  ])('I4: %s is no attempt', async (_name, url) => {
    const { recording, send } = guarded({}, fetch);
    await expect(send(url, post({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ name: 'AbortError' });
    expect(recording.started).toEqual([]);
    expect(recording.events).toEqual([]);
  });

  it('I4: nor is a Request that was sent already', async () => {
    const { recording, send } = guarded({}, async (input, init) => {
      await new Request(input, init).text();
      return Response.json(ANSWER);
    });
    const request = new Request(URL_OF_CHAT, post());
    await (await send(request)).text();
    await expect(send(request)).rejects.toBeInstanceOf(TypeError);
    expect(recording.events).toHaveLength(1);
  });

  it('I2: the fetch inside is called as a function, not as a method of ours', async () => {
    const seen: unknown[] = [];
    const { send } = guarded({}, async function (this: unknown) {
      seen.push(this);
      return Response.json(ANSWER);
    });
    await send(URL_OF_CHAT, post());
    await send.call(undefined, 'https://example.org/');
    expect(seen).toEqual([undefined, undefined]);
  });
});

describe('work of Google that goes on', () => {
  const MODEL = 'https://generativelanguage.googleapis.com/v1beta/models/veo-3';
  const name = 'models/veo-3/operations/one';

  it('a video is metered when its end is read, with what was asked for, on behalf of whoever asked, once', async () => {
    const video = { generateVideoResponse: { generatedSamples: [{ video: { uri: 'u' } }] } };
    let done = false;
    const { recording, send } = guarded({}, async () =>
      Response.json(done ? { name, done, response: video } : { name }),
    );
    const body = JSON.stringify({ instances: [{ prompt: 'a' }], parameters: { durationSeconds: 6 } });
    const usageMetadata = { agent: 'director' };
    await (await send(`${MODEL}:predictLongRunning`, post({ body, usageMetadata }))).json();
    const poll = async () => (await send(`https://generativelanguage.googleapis.com/v1beta/${name}`)).json();
    await poll();
    expect(recording.events).toEqual([]);
    done = true;
    await poll();
    await poll();
    expect(recording.events).toMatchObject([
      {
        transactionId: name,
        operationType: 'VIDEO',
        durationSeconds: 6,
        requestedDurationSeconds: 6,
        agent: 'director',
      },
    ]);
  });
});
