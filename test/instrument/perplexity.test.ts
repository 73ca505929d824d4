import Perplexity from '@perplexity-ai/perplexity_ai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentPerplexity, isPerplexityClient } from '../../src/instrument/perplexity.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type ScriptedAnswer, type ScriptedServer, startScriptedServer } from '../helpers/scripted-server.js';
import { chatEvents, perplexityScript, WORDS } from '../helpers/stub-perplexity.js';

const MESSAGES = [{ role: 'user' as const, content: 'how big?' }];
const CHAT = { model: 'sonar-pro', messages: MESSAGES };
const STREAM = { ...CHAT, stream: true as const };
const AGENT = { model: 'openai/gpt-5', input: 'how big?' };
const ASYNC = { request: { model: 'sonar-deep-research', messages: MESSAGES } };
const EMBED = { model: 'pplx-embed-v1-4b' as const, input: ['a'] };
const CONTEXT = { model: 'pplx-embed-context-v1-4b' as const, input: [['a', 'b']] };
const CHAT_EVENT = {
  provider: 'PERPLEXITY',
  modelSource: 'PERPLEXITY',
  model: 'sonar-pro',
  operationType: 'CHAT',
  stopReason: 'END',
  inputTokenCount: 33,
  outputTokenCount: 60,
  totalTokenCount: 93,
  reasoningTokenCount: 740,
  totalCost: 0.1373,
};
const CHAT_ATTRIBUTES = {
  usageState: 'reported',
  citationTokens: 20_016,
  numSearchQueries: 18,
  searchContextSize: 'low',
  requestCostUsd: 0.005,
  cacheInside: true,
  reasoningInside: false,
};
const AGENT_EVENT = {
  inputTokenCount: 400,
  outputTokenCount: 30,
  totalTokenCount: 430,
  cacheReadTokenCount: 128,
  cacheCreationTokenCount: 16,
  totalCost: 0.018,
};

let server: ScriptedServer;
let recording: RecordingPath;
beforeAll(async () => {
  server = await startScriptedServer(perplexityScript());
});
afterAll(() => server.close());
beforeEach(() => {
  recording = createRecordingPath();
  server.requests.length = 0;
  server.next.length = 0;
});

const bare = (options: Record<string, unknown> = {}) =>
  new Perplexity({ apiKey: 'k', baseURL: server.url, maxRetries: 0, logLevel: 'off', ...options });
const guard = (options: Record<string, unknown> = {}) =>
  instrumentPerplexity(bare(options), recording.path, { uniqueIds: true }, recording.runtime);
const only = () => {
  expect(recording.events).toHaveLength(1);
  expect(recording.open.size).toBe(0);
  return recording.events[0]!;
};

async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((go) => setImmediate(go));
}

/** Every way in which a caller can reach a model through this client, and what its event says. */
const PATHS: Record<string, readonly [(client: Perplexity) => unknown, object]> = {
  create: [(c) => c.chat.completions.create(CHAT), { ...CHAT_EVENT, isStreamed: false }],
  asResponse: [async (c) => (await c.chat.completions.create(CHAT).asResponse()).text(), CHAT_EVENT],
  withResponse: [(c) => c.chat.completions.create(CHAT).withResponse(), CHAT_EVENT],
  stream: [async (c) => drain(await c.chat.completions.create(STREAM)), { ...CHAT_EVENT, isStreamed: true }],
  tee: [async (c) => Promise.all((await c.chat.completions.create(STREAM)).tee().map(drain)), CHAT_EVENT],
  'client.post': [(c) => c.post('/chat/completions', { body: CHAT }), CHAT_EVENT],
  withOptions: [(c) => c.withOptions({ timeout: 9_000 }).chat.completions.create(CHAT), CHAT_EVENT],
  'withOptions of withOptions': [
    (c) => c.withOptions({ timeout: 9_000 }).withOptions({ maxRetries: 1 }).chat.completions.create(CHAT),
    CHAT_EVENT,
  ],
  search: [
    (c) => c.search.create({ query: ['a', 'b'] }),
    { operationType: 'SEARCH', model: 'search', inputTokenCount: 0, outputTokenCount: 0, totalTokenCount: 0 },
  ],
  responses: [(c) => c.responses.create(AGENT), AGENT_EVENT],
  'responses, streamed': [
    async (c) => drain((await c.responses.create({ ...AGENT, stream: true })) as never),
    { ...AGENT_EVENT, isStreamed: true },
  ],
  embeddings: [
    (c) => c.embeddings.create(EMBED),
    { operationType: 'EMBED', inputTokenCount: 8, outputTokenCount: 0, totalTokenCount: 8, totalCost: 0.00001 },
  ],
  'contextualized embeddings': [
    (c) => c.contextualizedEmbeddings.create(CONTEXT),
    { operationType: 'EMBED', inputTokenCount: 8, outputTokenCount: 0, totalCost: 0.00001 },
  ],
};

describe('I1: refused means not sent', () => {
  const paths = { ...PATHS, async: [(c: Perplexity) => c.async.chat.completions.create(ASYNC), {}] as const };
  it.each(Object.entries(paths))('a refused %s sends nothing and throws the error itself', async (_name, [call]) => {
    recording.refuse();
    const error = await errorOf(() => call(guard({ maxRetries: 2 })));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(server.requests).toHaveLength(0);
    expect(recording.events).toHaveLength(0);
    expect(recording.refusals).toBe(1);
  });

  it('a retry is decided on its own', async () => {
    const fetchThenRefuse: typeof fetch = async (...request) => {
      const answer = await fetch(...request);
      recording.refuse();
      return answer;
    };
    server.next.push({ status: 500, headers: { 'retry-after-ms': '1' }, json: {} });
    const error = await errorOf(() => guard({ maxRetries: 2, fetch: fetchThenRefuse }).search.create({ query: 'a' }));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(server.requests).toHaveLength(1);
    expect(only()).toMatchObject({ stopReason: 'ERROR', errorCode: 500, totalTokenCount: 0 });
  });

  it('what is free passes while calls are refused; what nobody knows passes and says so', async () => {
    recording.refuse();
    const client = guard();
    await client.async.chat.completions.list();
    await client.responses.files.list('resp_1');
    await client.browser.sessions.delete('s');
    expect(recording.events).toHaveLength(0);
    await client.browser.sessions.create({});
    expect(only()).toMatchObject({ attributes: { unknownEndpoint: true, endpoint: 'browser.sessions' } });
    expect(server.requests).toHaveLength(4);
  });
});

describe('I4, I5: one attempt, one event, with the provider’s own cost', () => {
  it.each(Object.entries(PATHS))('%s', async (_name, [call, expected]) => {
    await call(guard());
    expect(only()).toMatchObject(expected);
    expect(only().attributes?.['usageState']).toBe('reported');
  });

  it('what is billed beside tokens is kept beside them', async () => {
    const answer = await guard().chat.completions.create(CHAT);
    expect(only().attributes).toMatchObject(CHAT_ATTRIBUTES);
    expect(only().transactionId).toBe(answer.id);
    expect((answer as never as Record<string, unknown>)['_revenium_transaction_id']).toBe(answer.id);
    await guard().responses.create(AGENT);
    expect(recording.events[1]?.attributes).toMatchObject({ toolInvocations: { web_search: 3 }, toolCostUsd: 0.015 });
    await guard().search.create({ query: ['a', 'b', 'c'] });
    expect(recording.events[2]?.attributes).toMatchObject({ numSearchQueries: 3, searchResults: 1 });
    expect(recording.events[2]?.totalCost).toBeUndefined();
  });

  it('at a host that is not Perplexity’s own, ids may repeat and the host is named', async () => {
    const client = instrumentPerplexity(bare(), recording.path, {}, recording.runtime);
    const answer = await client.chat.completions.create(CHAT);
    expect(only().transactionId).toMatch(/^attempt-/);
    expect(only().attributes).toMatchObject({ providerResponseId: answer.id, host: server.url.slice(7) });
  });

  it('an agent that waits for a tool ends its turn; images of the prompt and tools are told', async () => {
    const waiting = { id: 'r', object: 'response', model: 'm', status: 'requires_action', output: [], usage: {} };
    server.next.push({ json: waiting });
    const input = [
      { type: 'message' as const, role: 'user' as const, content: [{ type: 'input_image' as const, image_url: 'u' }] },
    ];
    await guard().responses.create({ ...AGENT, input, tools: [{ type: 'function', name: 'f' }] });
    expect(only()).toMatchObject({
      stopReason: 'END_SEQUENCE',
      operationSubtype: 'function_call',
      hasVisionContent: true,
    });
  });

  it.each([...chatEvents('', '').keys(), chatEvents('', '').length].map((at) => [at]))(
    'a chat stream that is cut after %i events is metered once, with the truth or a marked estimate',
    async (cutAfter) => {
      const events = chatEvents('aced166e-0001', 'sonar-pro');
      server.next.push({ events, cutAfter } satisfies ScriptedAnswer);
      await guard()
        .chat.completions.create(STREAM)
        .then(drain)
        .catch(() => undefined);
      await until(() => recording.events.length > 0);
      const event = only();
      expect(event).toMatchObject({ stopReason: 'ERROR', errorReason: expect.any(String) });
      if (cutAfter === events.length) {
        expect(event).toMatchObject({ ...CHAT_EVENT, stopReason: 'ERROR', attributes: { usageState: 'reported' } });
        return;
      }
      expect(event.totalCost).toBeUndefined();
      // Of a connection that broke before the first word nobody knows what it cost.
      expect(event.attributes?.['usageState']).toBe(cutAfter === 0 ? 'unknown' : 'estimated');
      if (cutAfter > 0) expect(event.inputTokenCount).toBe(33);
      const seen = WORDS.slice(0, cutAfter).join('').length;
      expect(event.outputTokenCount).toBe(Math.ceil(seen / 4));
    },
  );

  it('a break is a cancelled attempt, an abort too; a break after the last word is the provider’s end', async () => {
    server.next.push({ events: chatEvents('x', 'sonar-pro'), holdAfter: 1 });
    for await (const _chunk of await guard().chat.completions.create(STREAM)) break;
    expect(recording.events[0]).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
    server.release();
    for await (const chunk of await guard().chat.completions.create(STREAM)) {
      if ((chunk as { choices: { finish_reason?: unknown }[] }).choices[0]?.finish_reason) break;
    }
    expect(recording.events[1]).toMatchObject(CHAT_EVENT);
    server.next.push({ hangs: true });
    const controller = new AbortController();
    const failed = expect(guard().chat.completions.create(CHAT, { signal: controller.signal })).rejects.toThrow();
    await until(() => server.requests.length === 3);
    controller.abort();
    await failed;
    expect(recording.events[2]).toMatchObject({ stopReason: 'CANCELLED' });
    expect(recording.open.size).toBe(0);
  });

  it('an error inside a stream, and an answer that is no JSON, are failed attempts', async () => {
    const failed = { type: 'response.failed', sequence_number: 1, error: { message: 'the engine fell over' } };
    server.next.push({ events: [failed] });
    await drain((await guard().responses.create({ ...AGENT, stream: true })) as never);
    expect(only()).toMatchObject({ stopReason: 'ERROR', errorReason: 'the engine fell over' });
    server.next.push({ status: 401, headers: { 'content-type': 'text/html' }, text: '<html>401</html>' });
    await expect(guard().chat.completions.create(CHAT)).rejects.toThrow('401');
    expect(recording.events[1]).toMatchObject({ errorCode: 401, totalTokenCount: 0 });
  });
});

describe('background work', () => {
  it('I4: an asynchronous chat is metered once, when its end is read, on behalf of who asked for it', async () => {
    const client = guard();
    const made = await client.async.chat.completions.create({ ...ASYNC, ...{ usageMetadata: { agent: 'maker' } } });
    expect(recording.decided[0]).toMatchObject({ model: 'sonar-deep-research', agent: 'maker' });
    expect(recording.events).toHaveLength(0);
    await client.async.chat.completions.get(made.id);
    expect(recording.events).toHaveLength(0);
    await client.withOptions({ timeout: 9_000 }).async.chat.completions.get(made.id);
    await client.async.chat.completions.get(made.id);
    expect(only()).toMatchObject({
      ...CHAT_EVENT,
      model: 'sonar-deep-research',
      transactionId: made.id,
      agent: 'maker',
    });
    expect(server.requests[0]?.text).not.toContain('usageMetadata');
  });

  it('one that failed is metered as an error, whose price nobody knows', async () => {
    server.next.push({ json: { id: 'a1', model: 'm', status: 'FAILED', error_message: 'too long', response: null } });
    await guard().async.chat.completions.get('a1');
    expect(only()).toMatchObject({ stopReason: 'ERROR', transactionId: 'a1', attributes: { asyncError: 'too long' } });
    expect(only().attributes?.['usageState']).toBe('estimated');
  });

  it('an agent in the background likewise', async () => {
    const client = guard();
    const made = await client.responses.create({ ...AGENT, background: true });
    await client.responses.retrieve(made.id);
    expect(recording.events).toHaveLength(0);
    await client.responses.retrieve(made.id);
    await client.responses.retrieve(made.id);
    expect(only()).toMatchObject({ ...AGENT_EVENT, transactionId: made.id });
  });
});

describe('I2, I3: the program notices nothing', () => {
  const programs: Record<string, (client: Perplexity) => Promise<unknown>> = {
    create: async (c) => c.chat.completions.create(CHAT),
    stream: async (c) => drain(await c.chat.completions.create(STREAM)),
    text: async (c) => (await c.chat.completions.create(STREAM).asResponse()).text(),
    responses: async (c) => (await c.responses.create(AGENT)).output_text,
    'responses, streamed': async (c) => drain((await c.responses.create({ ...AGENT, stream: true })) as never),
    search: async (c) => c.search.create({ query: 'a' }),
  };
  const withoutIds = (value: unknown) => JSON.parse(JSON.stringify(value).replace(/aced166e[\w-]+/g, 'id')) as unknown;
  it.each(Object.entries(programs))('%s gives what it gives without us', async (_name, program) => {
    const expected = withoutIds(await program(bare()));
    const [sent] = server.requests;
    expect(withoutIds(await program(guard()))).toEqual(expected);
    expect(server.requests[1]?.text).toBe(sent?.text);
  });

  it('an unreadable path of ours costs the event, not the answer', async () => {
    const broken = { ...recording.path, admit: () => Reflect.apply(undefined as never, undefined, []) };
    const client = instrumentPerplexity(bare(), broken as never, {}, recording.runtime);
    expect((await client.chat.completions.create(CHAT)).choices).toHaveLength(1);
    expect(recording.logged).toHaveLength(1);
  });
});

it('metadata of a call or of a scope reaches event and guard, never the provider', async () => {
  await guard().search.create({ query: 'a', ...{ usageMetadata: { agent: 'a' } } });
  await withUsageMetadata({ agent: 'b' }, () => guard().chat.completions.create(CHAT));
  expect(recording.events.map(({ agent }) => agent)).toEqual(['a', 'b']);
  expect(recording.decided.map(({ agent }) => agent)).toEqual(['a', 'b']);
});

it('is told from other clients by its parts', () => {
  expect(isPerplexityClient(bare())).toBe(true);
  expect(isPerplexityClient({ request() {}, fetch() {} })).toBe(false);
  expect(isPerplexityClient(undefined)).toBe(false);
});
