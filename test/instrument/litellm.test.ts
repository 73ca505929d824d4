import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { isLitellmClient } from '../../src/instrument/litellm.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type ScriptedServer, startScriptedServer } from '../helpers/scripted-server.js';

const CHAT = { model: 'anthropic/claude-sonnet-4-5', messages: [{ role: 'user' as const, content: 'how big?' }] };
const STREAM = { ...CHAT, stream: true as const };
const WORDS = ['Größe ', '水 🌊 ', 'done.'];
/** As LiteLLM adds Anthropic's cache tokens into the prompt's. */
const USAGE = {
  prompt_tokens: 1_000,
  completion_tokens: 50,
  total_tokens: 1_050,
  prompt_tokens_details: { cached_tokens: 700 },
  cache_read_input_tokens: 700,
  cache_creation_input_tokens: 200,
};
const EVENT = {
  provider: 'Anthropic',
  modelSource: 'ANTHROPIC',
  model: 'claude-sonnet-4-5-20250929',
  inputTokenCount: 100,
  outputTokenCount: 50,
  totalTokenCount: 150,
  cacheReadTokenCount: 700,
  cacheCreationTokenCount: 200,
};
const METADATA = {
  agent: 'triage',
  organizationName: 'Northwind',
  subscriber: { id: 'u-88', email: 'rita@example.org', credential: { name: 'key', value: 'sk-of-somebody' } },
};

/** What the proxy answers beside the body. */
const told = (id: string | undefined, cost = '0.00123') => ({
  'x-litellm-call-id': id ?? 'made-by-the-proxy',
  'x-litellm-model-id': 'deployment-7',
  'x-litellm-version': '1.80.0',
  'x-litellm-response-cost': cost,
});

const events = () => [
  ...WORDS.map((content, at) => ({
    ...{ id: 'chatcmpl-1', model: 'claude-sonnet-4-5-20250929', object: 'chat.completion.chunk', created: 1 },
    choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: at === 2 ? 'stop' : null }],
  })),
  {
    id: 'chatcmpl-1',
    model: 'claude-sonnet-4-5-20250929',
    object: 'chat.completion.chunk',
    created: 1,
    choices: [],
    usage: USAGE,
  },
];

let proxy: ScriptedServer;
let recording: RecordingPath;
beforeAll(async () => {
  proxy = await startScriptedServer(({ path, headers, body }) => {
    const head = { headers: told(headers['x-litellm-call-id'] as string | undefined) };
    if (path.endsWith('/models')) return { json: { object: 'list', data: [] } };
    if (body['stream'] === true) {
      const asked = body['stream_options'] !== undefined;
      return { ...head, events: asked ? events() : events().slice(0, -1) };
    }
    const message = { role: 'assistant', content: WORDS.join('') };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    return {
      ...head,
      json: {
        id: 'chatcmpl-1',
        model: 'anthropic/claude-sonnet-4-5-20250929',
        object: 'chat.completion',
        choices,
        usage: USAGE,
      },
    };
  });
});
afterAll(() => proxy.close());
beforeEach(() => {
  recording = createRecordingPath({ LITELLM_PROXY_URL: `${proxy.url}/`, LITELLM_API_KEY: 'sk-litellm' });
  proxy.requests.length = 0;
  proxy.next.length = 0;
});

const sent = (at = 0) => proxy.requests[at]!.headers;
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

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((go) => setImmediate(go));
}

describe.each([MAJORS[0]!, MAJORS[2]!])('openai $major at a LiteLLM proxy', ({ OpenAI }) => {
  const bare = (options: Record<string, unknown> = {}) =>
    new OpenAI({ apiKey: 'sk-mine', baseURL: `${proxy.url}/v1`, maxRetries: 0, logLevel: 'off', ...options });
  const guard = (options: Record<string, unknown> = {}, how = {}): Client =>
    instrumentOpenAI(bare(options), recording.path, how, recording.runtime);
  const withMetadata = (body: object) => ({ ...body, usageMetadata: METADATA }) as never;

  it('I4: an answer is metered once, with the proxy’s cost, the upstream’s names, and the input net of cache', async () => {
    const answer = await guard().chat.completions.create(withMetadata(CHAT));
    expect(only()).toMatchObject({ ...EVENT, totalCost: 0.00123, agent: 'triage', stopReason: 'END' });
    expect(only().attributes).toMatchObject({
      usageState: 'reported',
      gateway: 'litellm',
      litellmModelId: 'deployment-7',
      litellmCallId: 'attempt-1',
      providerResponseId: 'chatcmpl-1',
      cacheInside: false,
    });
    expect(only().transactionId).toBe('attempt-1');
    expect((answer as unknown as Record<string, unknown>)['_revenium_transaction_id']).toBe('attempt-1');
    expect(recording.decided[0]).toMatchObject({ provider: 'Anthropic', model: 'claude-sonnet-4-5', agent: 'triage' });
  });

  it('who the call is for goes out as headers; a credential’s value does not (I12)', async () => {
    await guard().chat.completions.create(withMetadata(CHAT));
    expect(sent()).toMatchObject({
      'x-revenium-agent': 'triage',
      'x-revenium-organization-name': 'Northwind',
      'x-revenium-subscriber-id': 'u-88',
      'x-revenium-subscriber-email': 'rita@example.org',
      'x-revenium-subscriber-credential-name': 'key',
      'x-revenium-transaction-id': 'attempt-1',
      'x-litellm-call-id': 'attempt-1',
      authorization: 'Bearer sk-mine',
    });
    expect(JSON.stringify(sent())).not.toContain('sk-of-somebody');
    expect(proxy.requests[0]!.text).not.toContain('usageMetadata');
  });

  it('never over the caller’s own headers, whose call id names no event', async () => {
    const headers = { 'X-Revenium-Agent': 'mine', 'x-litellm-call-id': 'the-same-every-time' };
    const client = guard({ defaultHeaders: headers });
    await client.chat.completions.create(withMetadata(CHAT));
    await client.chat.completions.create(withMetadata(CHAT));
    expect(sent()).toMatchObject({ 'x-revenium-agent': 'mine', 'x-litellm-call-id': 'the-same-every-time' });
    expect(recording.events.map(({ transactionId }) => transactionId)).toEqual(['attempt-1', 'attempt-2']);
    expect(recording.events[0]?.attributes).toMatchObject({ litellmCallId: 'the-same-every-time' });
  });

  it('I2: what no header can carry is left out, with one warning', async () => {
    const body = { ...CHAT, usageMetadata: { agent: '水', taskType: 'k' } } as never;
    const client = guard();
    await client.chat.completions.create(body);
    await client.chat.completions.create(body);
    expect(sent()).toMatchObject({ 'x-revenium-task-type': 'k' });
    expect(sent()['x-revenium-agent']).toBeUndefined();
    expect(recording.logged.filter((line) => line.includes('agent'))).toHaveLength(1);
    expect(recording.events.map(({ agent }) => agent)).toEqual(['水', '水']);
  });

  it.each([
    ['none', { defaultHeaders: { authorization: null } }, 'Bearer sk-litellm'],
    ['an empty key', { defaultHeaders: { authorization: 'Bearer ' } }, 'Bearer sk-litellm'],
    ['a key', {}, 'Bearer sk-mine'],
    ['another kind of key', { defaultHeaders: { authorization: null, 'x-litellm-api-key': 'k' } }, undefined],
  ])('LITELLM_API_KEY stands in for a caller who sends %s', async (_name, options, authorization) => {
    await guard(options).chat.completions.create(CHAT);
    await guard(options).models.list();
    expect(sent(0)['authorization']).toBe(authorization);
    expect(sent(1)['authorization']).toBe(authorization);
  });

  it('I12: LITELLM_API_KEY goes nowhere but to the address that the client is made for', async () => {
    recording = createRecordingPath({ LITELLM_API_KEY: 'sk-litellm' });
    const make = { baseURL: `${proxy.url}/v1`, apiKey: 'k', maxRetries: 0, defaultHeaders: { authorization: null } };
    const client = instrumentOpenAI(new OpenAI(make), recording.path, { litellm: true }, recording.runtime);
    await client.models.list();
    await client.get(`${proxy.url.replace('127.0.0.1', 'localhost')}/v1/models`);
    expect(proxy.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer sk-litellm', undefined]);
  });

  it('I4: a retry is an attempt with an id of its own, and with the same headers', async () => {
    proxy.next.push({ status: 500, headers: { 'retry-after-ms': '1', ...told('attempt-1') }, json: {} });
    await guard({ maxRetries: 1 }).chat.completions.create(withMetadata(CHAT));
    expect(proxy.requests.map(({ headers }) => headers['x-litellm-call-id'])).toEqual(['attempt-1', 'attempt-2']);
    expect(proxy.requests.map(({ headers }) => headers['x-revenium-agent'])).toEqual(['triage', 'triage']);
    expect(recording.events.map(({ transactionId, errorCode }) => [transactionId, errorCode])).toEqual([
      ['attempt-1', 500],
      ['attempt-2', undefined],
    ]);
  });

  it('a stream: usage is asked for and taken out again; the head’s cost is none', async () => {
    const expected = await drain(await bare().chat.completions.create(STREAM));
    expect(await drain(await guard().chat.completions.create(STREAM))).toEqual(expected);
    expect(proxy.requests[1]!.body['stream_options']).toEqual({ include_usage: true });
    expect(only()).toMatchObject({ ...EVENT, isStreamed: true, transactionId: 'attempt-1' });
    expect(only().totalCost).toBeUndefined();
  });

  it('a stream whose last chunk names its cost', async () => {
    const last = { ...events().at(-1), usage: { ...USAGE, cost: 0.0042 } };
    proxy.next.push({ events: [...events().slice(0, -1), last], headers: told('attempt-1') });
    await drain(await guard().chat.completions.create({ ...STREAM, stream_options: { include_usage: true } }));
    expect(only()).toMatchObject({ ...EVENT, totalCost: 0.0042 });
  });

  it.each(['0', '0.0', 'None', '', 'free', '-1'])('I5: a cost of %j is not known', async (cost) => {
    const json = { id: 'c', model: 'm', choices: [], usage: USAGE };
    proxy.next.push({ json, headers: told('attempt-1', cost) });
    await guard().chat.completions.create(CHAT);
    expect(only()).not.toHaveProperty('totalCost');
  });

  it.each([0, 1, 2, 3, 4])('I4: a stream that is cut after %i events is metered once', async (cutAfter) => {
    proxy.next.push({ events: events(), cutAfter, headers: told('attempt-1') });
    await guard()
      .chat.completions.create(STREAM)
      .then(drain)
      .catch(() => undefined);
    await until(() => recording.events.length > 0);
    expect(only()).toMatchObject({ provider: 'Anthropic', transactionId: 'attempt-1' });
    const state = cutAfter === 0 ? 'unknown' : cutAfter === 4 ? 'reported' : 'estimated';
    expect(only().attributes?.['usageState']).toBe(state);
    if (cutAfter === 4) expect(only()).toMatchObject(EVENT);
  });

  it('I1: a refused call sends nothing', async () => {
    recording.refuse();
    const error = await guard()
      .chat.completions.create(CHAT)
      .catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect((error as BudgetExceededError).context).toMatchObject({ provider: 'Anthropic', model: 'claude-sonnet-4-5' });
    expect(proxy.requests).toHaveLength(0);
  });

  it('REVENIUM_LITELLM_SHARED_CALL_ID off: no id goes out, none comes in', async () => {
    recording = createRecordingPath({ LITELLM_PROXY_URL: proxy.url, REVENIUM_LITELLM_SHARED_CALL_ID: 'off' });
    await guard().chat.completions.create(withMetadata(CHAT));
    expect(sent()).not.toHaveProperty('x-litellm-call-id');
    expect(sent()).not.toHaveProperty('x-revenium-transaction-id');
    expect(sent()['x-revenium-agent']).toBe('triage');
    expect(only()).toMatchObject({ transactionId: 'attempt-1', attributes: { litellmCallId: 'made-by-the-proxy' } });
  });

  it('the option says it where no variable does, and unsays it', async () => {
    recording = createRecordingPath();
    await guard({}, { litellm: true }).chat.completions.create(withMetadata(CHAT));
    expect(sent()['x-revenium-agent']).toBe('triage');
    recording = createRecordingPath({ LITELLM_PROXY_URL: proxy.url });
    await guard({}, { litellm: false }).chat.completions.create(withMetadata(CHAT));
    expect(sent(1)['x-revenium-agent']).toBeUndefined();
  });

  it('a proxy that nobody named is told by its answer: cost, names and id count, and nobody is named to it', async () => {
    recording = createRecordingPath();
    await guard().chat.completions.create(withMetadata(CHAT));
    expect(sent()['x-revenium-agent']).toBeUndefined();
    expect(only()).toMatchObject({ ...EVENT, totalCost: 0.00123, transactionId: 'made-by-the-proxy' });
  });

  it('a server that is none is left alone', async () => {
    proxy.next.push({ json: { id: 'c', model: 'openai/gpt-4o', choices: [], usage: USAGE } });
    recording = createRecordingPath({ LITELLM_PROXY_URL: `${proxy.url}0` });
    await guard().chat.completions.create(withMetadata(CHAT));
    expect(only()).toMatchObject({ provider: 'OPENAI', model: 'openai/gpt-4o', inputTokenCount: 1_000 });
    expect(sent()['x-revenium-agent']).toBeUndefined();
  });

  it('a broken LITELLM_PROXY_URL is reported and ignored', async () => {
    recording = createRecordingPath({ LITELLM_PROXY_URL: 'no url' });
    await guard().chat.completions.create(CHAT);
    expect(recording.logged.filter((line) => line.includes('LITELLM_PROXY_URL'))).toHaveLength(1);
    expect(recording.events).toHaveLength(1);
  });

  it('isInitialized asks whether the client points there', () => {
    expect(isLitellmClient(bare(), {}, recording.runtime)).toBe(true);
    expect(isLitellmClient(bare({ baseURL: 'https://api.openai.com/v1' }), {}, recording.runtime)).toBe(false);
    expect(isLitellmClient(bare({ baseURL: 'https://api.openai.com/v1' }), { litellm: true }, recording.runtime)).toBe(
      true,
    );
  });
});

it('a client of Anthropic’s is told of by the same layer', async () => {
  const { instrumentAnthropic } = await import('../../src/instrument/anthropic.js');
  const usage = {
    input_tokens: 100,
    output_tokens: 50,
    cache_read_input_tokens: 700,
    cache_creation_input_tokens: 200,
  };
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
    content: [],
    stop_reason: 'end_turn',
    usage,
  };
  proxy.next.push({ json: message, headers: told('attempt-1') });
  const client = new Anthropic({ apiKey: 'k', baseURL: proxy.url, maxRetries: 0 });
  instrumentAnthropic(client, recording.path, {}, recording.runtime);
  const body = { model: 'claude-sonnet-4-5', max_tokens: 9, messages: CHAT.messages };
  await client.messages.create({ ...body, usageMetadata: METADATA } as never);
  expect(only()).toMatchObject({ ...EVENT, totalCost: 0.00123, transactionId: 'attempt-1' });
  expect(sent()).toMatchObject({ 'x-revenium-agent': 'triage', 'x-litellm-call-id': 'attempt-1' });
  expect(JSON.stringify(sent())).not.toContain('sk-litellm');
});
