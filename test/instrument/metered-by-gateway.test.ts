/** A guarded client behind a Fusewire gateway: what the gateway metered is not metered here too. */
import { Ollama } from 'ollama';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentAnthropic } from '../../src/instrument/anthropic.js';
import { createGuardedFetch } from '../../src/instrument/guarded-fetch.js';
import { instrumentOllama } from '../../src/instrument/ollama.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { isProviderAddress } from '../../src/providers/provider-address.js';
import { VERSIONS } from '../helpers/anthropic-clients.js';
import { chatOpenAI, startBench } from '../helpers/langchain-model.js';
import { MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StandInUpstream, startStandInUpstream } from '../service/gateway/support/stand-in-upstream.js';

const ID = '01932f6e-7a3b-7c4d-8e5f-0a1b2c3d4e5f';
const KEY = `sk_${'aZ3'.repeat(14)}x`;
const messages = [{ role: 'user' as const, content: 'say:4' }];
const HEAD = { 'fusewire-transaction-id': ID };
const REFUSED = { status: 402, headers: { 'x-should-retry': 'false', 'fusewire-refused': 'BUDGET_EXCEEDED' } };

let gateway: StandInUpstream;
let recording: RecordingPath;
beforeAll(async () => {
  gateway = await startStandInUpstream();
});
afterAll(() => gateway.close());
beforeEach(() => {
  gateway.reset();
  gateway.checksKeys = false;
  gateway.headers = { ...HEAD };
  recording = createRecordingPath();
});

async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}
const idOf = (answer: unknown) => (answer as Record<string, unknown>)['_revenium_transaction_id'];
const metered = () => [recording.events.length, recording.open.size, recording.timers()];
const NOTHING = [0, 0, 0];

describe.each(MAJORS)('openai $major', ({ OpenAI }) => {
  const guard = (options: object = {}, how: object = {}) =>
    instrumentOpenAI(
      new OpenAI({ apiKey: KEY, baseURL: `${gateway.openai}/v1`, maxRetries: 0, ...options }),
      recording.path,
      how,
      recording.runtime,
    );
  const CHAT = { model: 'gpt-4o-mini', messages };

  it.each([{}, { injectUsage: true, uniqueIds: true }])(
    'I4: is metered once, by the gateway: plain, streamed, parsed, raw; %j',
    async (how) => {
      const client = guard({}, how);
      const whole = await client.chat.completions.create(CHAT);
      expect(idOf(whole)).toBe(ID);
      expect(idOf(await client.chat.completions.parse(CHAT))).toBe(ID);
      const chunks = await drain(await client.chat.completions.create({ ...CHAT, stream: true }));
      expect(new Set(chunks.map(idOf))).toEqual(new Set([ID]));
      // What was asked for on the caller's behalf is still taken out again (I3).
      expect(chunks.some((chunk) => (chunk as { usage?: unknown }).usage !== undefined)).toBe(false);
      await client.chat.completions.stream(CHAT).finalChatCompletion();
      await (await client.chat.completions.create(CHAT).asResponse()).text();
      await drain(await client.responses.create({ model: 'gpt-4o-mini', input: 'say:2', stream: true }));
      await client.responses.create({ model: 'gpt-4o-mini', input: 'say:2', background: true });
      await client.embeddings.create({ model: 'text-embedding-3-small', input: 'x' });
      expect(recording.started).toHaveLength(8);
      expect(metered()).toEqual(NOTHING);
    },
  );

  it('I4: a stream that is left, one that nobody reads and one that breaks are the gateway’s too', async () => {
    const client = guard();
    gateway.faults.push('step');
    const left = client.chat.completions.create({ ...CHAT, stream: true });
    await gateway.arrived(1);
    gateway.release();
    for await (const _ of await left) break;
    await client.chat.completions.create({ ...CHAT, stream: true }).asResponse();
    recording.advance(20 * 60_000);
    gateway.faults.push('half-chunk');
    await expect(drain(await client.chat.completions.create({ ...CHAT, stream: true }))).rejects.toThrow();
    expect(metered()).toEqual(NOTHING);
  });

  it('I4: every retry is an attempt of its own, and each is the gateway’s', async () => {
    gateway.faults.push({ status: 500 }, { status: 429, headers: { 'retry-after-ms': '1' } });
    const answer = await guard({ maxRetries: 2 }).chat.completions.create(CHAT);
    expect([idOf(answer), gateway.seen.length, recording.started.length]).toEqual([ID, 3, 3]);
    expect(metered()).toEqual(NOTHING);
  });

  it('I1: a refusal of the gateway reaches the caller as the client’s own error, once, and is not metered', async () => {
    const error = { message: 'Budget exceeded: …', type: 'insufficient_quota', param: null, code: 'BUDGET_EXCEEDED' };
    gateway.headers = {};
    gateway.plan = () => ({ ...REFUSED, body: JSON.stringify({ error: { ...error, remaining: '0' } }) });
    for (const stream of [false, true]) {
      const refusal = guard({ maxRetries: 2 }).chat.completions.create({ ...CHAT, stream } as typeof CHAT);
      const caught = await Promise.resolve(refusal).catch((thrown: unknown) => thrown);
      expect(caught).toBeInstanceOf(Reflect.get(OpenAI, 'APIError'));
      expect(caught).toMatchObject({ status: 402, code: 'BUDGET_EXCEEDED', error: { remaining: '0' } });
    }
    expect(gateway.seen).toHaveLength(2);
    expect(metered()).toEqual(NOTHING);
  });

  it('I4: a call that is given up before the answer began is the gateway’s, once it is known as one', async () => {
    const client = guard();
    await client.chat.completions.create(CHAT);
    for (const end of ['abort', 'timeout']) {
      gateway.faults.push('hang');
      const leaving = new AbortController();
      const options = end === 'abort' ? { signal: leaving.signal } : { timeout: 20 };
      const seen = gateway.seen.length;
      const call = Promise.resolve(client.chat.completions.create(CHAT, options));
      const failed = expect(call).rejects.toThrow();
      await gateway.arrived(seen + 1);
      leaving.abort();
      await failed;
    }
    expect(metered()).toEqual(NOTHING);
    // What failed by itself may never have arrived: it is told as what it is, a failure.
    gateway.faults.push('nothing');
    await expect(Promise.resolve(client.chat.completions.create(CHAT))).rejects.toThrow();
    expect(recording.events).toMatchObject([{ stopReason: 'ERROR', outputTokenCount: 0 }]);
  });

  it.each<[string, object, object]>([
    ['without a key of a gateway', { apiKey: 'sk-proj-1234' }, {}],
    ['to a provider that everybody knows', { baseURL: 'https://api.openai.com/v1' }, {}],
    ['where the program says that it is none', {}, { gateway: false }],
  ])('a server that only claims to be a gateway changes nothing: %s', async (_name, options, how) => {
    const lead = (url: string | URL | Request, init?: RequestInit) =>
      fetch(`${gateway.openai}${new URL(String(url)).pathname}`, init);
    const answer = await guard({ ...options, fetch: lead }, how).chat.completions.create(CHAT);
    expect(idOf(answer)).not.toBe(ID);
    expect(recording.events).toMatchObject([{ outputTokenCount: 4 }]);
    // Nor does one that refuses.
    gateway.faults.push(REFUSED);
    await expect(Promise.resolve(guard(options, how).chat.completions.create(CHAT))).rejects.toThrow();
  });

  it('is believed without a key of ours where the program says that it is a gateway', async () => {
    await guard({ apiKey: 'of-the-company-proxy' }, { gateway: true }).chat.completions.create(CHAT);
    expect(metered()).toEqual(NOTHING);
  });

  it('an id that no gateway makes is no id', async () => {
    gateway.headers = { 'fusewire-transaction-id': 'free' };
    await guard().chat.completions.create(CHAT);
    expect(recording.events).toHaveLength(1);
  });
});

describe.each(VERSIONS)('anthropic $version', ({ Anthropic }) => {
  const ask = { model: 'claude-haiku-4-5', max_tokens: 8, messages };
  const guard = () =>
    instrumentAnthropic(
      new Anthropic({ apiKey: KEY, baseURL: gateway.anthropic, maxRetries: 1 }),
      recording.path,
      {},
      recording.runtime,
    );

  it('I4: is metered once, by the gateway, and a refusal of it not at all', async () => {
    const client = guard();
    expect(idOf(await client.messages.create(ask))).toBe(ID);
    const events = await drain(await client.messages.create({ ...ask, stream: true }));
    expect(new Set(events.map(idOf))).toEqual(new Set([ID]));
    await client.messages.stream(ask).finalMessage();
    gateway.headers = {};
    const error = { type: 'billing_error', message: 'Budget exceeded: …', details: { error_code: 'BUDGET_EXCEEDED' } };
    gateway.faults.push({ ...REFUSED, body: JSON.stringify({ type: 'error', error }) });
    const caught = await Promise.resolve(client.messages.create(ask)).catch((thrown: unknown) => thrown);
    expect(caught).toMatchObject({ status: 402, error: { error: { type: 'billing_error' } } });
    expect(gateway.seen).toHaveLength(4);
    expect(metered()).toEqual(NOTHING);
  });
});

describe('ollama', () => {
  const guard = (how: object = {}, headers: Record<string, string> = { Authorization: `Bearer ${KEY}` }) =>
    instrumentOllama(new Ollama({ host: gateway.ollama, headers }), recording.path, { ...recording.runtime, ...how });
  const ask = { model: 'llama3.2', messages };

  it('I4: is metered once, by the gateway: plain, streamed, embedded, past the methods', async () => {
    const client = guard();
    expect(idOf(await client.chat(ask))).toBe(ID);
    const chunks = await drain(await client.chat({ ...ask, stream: true }));
    expect(new Set(chunks.map(idOf))).toEqual(new Set([ID]));
    await client.generate({ model: 'llama3.2', prompt: 'say:2' });
    await client.embed({ model: 'llama3.2', input: 'x' });
    const raw = client as unknown as { fetch: typeof fetch };
    const init = { method: 'POST', body: JSON.stringify(ask), headers: { 'x-api-key': KEY } };
    await (await raw.fetch(`${gateway.ollama}/api/chat`, init)).text();
    expect(recording.started).toHaveLength(5);
    expect(metered()).toEqual(NOTHING);
  });

  it('I4: streams that are left, aborted before they began or cut are the gateway’s, and so are errors', async () => {
    const client = guard();
    for await (const _ of await client.chat({ ...ask, stream: true })) break;
    gateway.faults.push('hang');
    const leaving = new AbortController();
    const open = client as unknown as { fetch: typeof fetch };
    open.fetch = (url, init) => fetch(url, { ...init, signal: leaving.signal });
    const failed = expect(client.chat(ask)).rejects.toThrow();
    await gateway.arrived(2);
    leaving.abort();
    await failed;
    open.fetch = fetch;
    gateway.faults.push('half-chunk');
    await expect(drain(await client.chat({ ...ask, stream: true }))).rejects.toThrow();
    gateway.faults.push({ status: 503 });
    await expect(client.chat(ask)).rejects.toThrow('stand-in fault');
    expect(metered()).toEqual(NOTHING);
  });

  it('I1: a refusal of the gateway reaches the caller as the client’s own error and is not metered', async () => {
    gateway.headers = {};
    gateway.faults.push({ ...REFUSED, body: '{"error":"Budget exceeded: …","fusewire":{"code":"BUDGET_EXCEEDED"}}' });
    const caught = await guard()
      .chat(ask)
      .catch((error: unknown) => error);
    expect(caught).toMatchObject({ name: 'ResponseError', status_code: 402, message: 'Budget exceeded: …' });
    expect(metered()).toEqual(NOTHING);
  });

  it('a server that only claims to be a gateway changes nothing', async () => {
    await guard({}, {}).chat(ask);
    await guard({ gateway: false }).chat(ask);
    expect(recording.events).toHaveLength(2);
    expect(idOf(await guard({ gateway: true }, {}).chat(ask))).toBe(ID);
    expect(recording.events).toHaveLength(2);
  });
});

it('a guarded fetch leaves to the gateway what the gateway metered', async () => {
  const { path, runtime } = recording;
  const { host } = new URL(gateway.openai);
  const guarded = (options: object = {}) =>
    createGuardedFetch(
      fetch as never,
      { path, runtime, recognised: () => undefined },
      { hosts: { [host]: 'openai' }, ...options },
    );
  const init = { method: 'POST', body: JSON.stringify({ model: 'gpt-4o', messages, stream: true }) };
  const headers = { authorization: `bearer ${KEY}` };
  const url = `${gateway.openai}/v1/chat/completions`;
  const answer = await guarded()(url, { ...init, headers });
  expect(idOf(answer)).toBe(ID);
  await answer.text();
  await (await guarded()(new Request(url, { ...init, headers }))).text();
  gateway.faults.push('hang');
  const leaving = new AbortController();
  const call = guarded()(url, { ...init, headers, signal: leaving.signal });
  const failed = expect(call).rejects.toThrow();
  await gateway.arrived(3);
  leaving.abort();
  await failed;
  expect(metered()).toEqual(NOTHING);
  await (await guarded({ gateway: false })(url, { ...init, headers })).text();
  expect(recording.events).toHaveLength(1);
});

it('a layer around a guarded client leaves it to the gateway too: LangChain, plain, streamed and at once', async () => {
  const bench = await startBench();
  try {
    const { host } = new URL(gateway.openai);
    const inner = bench.fusewire.guardFetch(undefined, { hosts: { [host]: 'openai' } });
    const model = (key: string) => chatOpenAI(gateway.openai, { apiKey: key, configuration: { fetch: inner } });
    const ask = (key: string) => model(key).invoke('say:2', { callbacks: [bench.handler()] });
    expect((await ask(KEY)).content).not.toBe('');
    await drain(await model(KEY).stream('say:2', { callbacks: [bench.handler()] }));
    await Promise.all([1, 2, 3].map(() => ask(KEY)));
    expect(bench.events).toEqual([]);
    // With another key the same layers meter.
    await ask('sk-other');
    expect(bench.events).toHaveLength(1);
  } finally {
    await bench.close();
  }
});

it.each([
  ['https://api.openai.com/v1/chat/completions', true],
  ['https://eu.api.openai.com./v1', true],
  ['https://api.anthropic.com/v1/messages', true],
  ['https://x.openai.azure.com/openai/deployments/a', true],
  ['https://bedrock-runtime.eu-west-1.amazonaws.com/model', true],
  ['https://europe-west1-aiplatform.googleapis.com/v1', true],
  ['https://api.groq.com/openai/v1', true],
  ['https://queue.fal.run/x', true],
  ['https://ollama.com/api/chat', true],
  ['https://llm.example.com/v1', false],
  ['https://api.openai.com.example.com/v1', false],
  ['http://127.0.0.1:8000/api/chat', false],
  ['http://gateway:11434/api/chat', false],
  ['not a url', false],
])('%s is the address of a known provider: %s', (address, known) => {
  expect(isProviderAddress(address)).toBe(known);
});
