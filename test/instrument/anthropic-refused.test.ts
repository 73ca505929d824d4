import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentAnthropic } from '../../src/instrument/anthropic.js';
import {
  BEDROCK,
  BEDROCK_AUTH,
  type Client,
  type Cloud,
  MANTLE,
  VERSIONS,
  VERTEX,
  VERTEX_AUTH,
} from '../helpers/anthropic-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubAnthropic, startStubAnthropic } from '../helpers/stub-anthropic.js';

const BODY = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] };
const MORE = { role: 'user' as const, content: 'more' };
const TOOL = {
  name: 'weather',
  description: 'd',
  input_schema: { type: 'object' as const },
  parse: (given: unknown) => given,
  run: () => 'sunny',
};
const FORMAT = { output_config: { format: { type: 'json_schema' as const, schema: { type: 'object' } } } };

async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

type Path = (client: Client) => unknown;

/** Every way in which a caller can reach a model through this client. */
const PATHS: Record<string, Path> = {
  'messages.create': (client) => client.messages.create(BODY),
  'messages.create, streamed': (client) => client.messages.create({ ...BODY, stream: true }),
  'messages.create().asResponse': (client) => client.messages.create(BODY).asResponse(),
  'messages.create().withResponse': (client) => client.messages.create(BODY).withResponse(),
  'messages.create().then': (client) => client.messages.create(BODY).then((answer) => answer),
  'messages.stream': (client) => client.messages.stream(BODY).finalMessage(),
  'beta.messages.create': (client) => client.beta.messages.create(BODY),
  'beta.messages.create, streamed': (client) => client.beta.messages.create({ ...BODY, stream: true }),
  'beta.messages.stream': (client) => client.beta.messages.stream(BODY).finalMessage(),
  withOptions: (client) => client.withOptions({ timeout: 5_000 }).messages.create(BODY),
  'withOptions of withOptions': (client) =>
    client.withOptions({ maxRetries: 1 }).withOptions({ timeout: 5_000 }).beta.messages.create(BODY),
  'withOptions().messages.stream': (client) => client.withOptions({ timeout: 5_000 }).messages.stream(BODY).finalText(),
  'client.post': (client) => client.post('/v1/messages', { body: BODY }),
  'client.request': (client) => client.request({ method: 'post', path: '/v1/messages', body: BODY }),
};
const WITH_BATCHES: Record<string, Path> = {
  'messages.batches.create': (client) =>
    client.messages.batches.create({ requests: [{ custom_id: 'a', params: BODY }] }),
  'beta.messages.batches.create': (client) =>
    client.beta.messages.batches.create({ requests: [{ custom_id: 'a', params: BODY }] }),
  'client.post of JSON text': (client) =>
    client.post('/v1/messages', { body: JSON.stringify(BODY), headers: { 'content-type': 'application/json' } }),
};
/** What only the newest version has. */
const NEWEST: Record<string, Path> = {
  'messages.parse': (client) => client.messages.parse({ ...BODY, ...FORMAT }),
  'beta.messages.parse': (client) => client.beta.messages.parse({ ...BODY, ...FORMAT }),
  'beta.messages.toolRunner': (client) => client.beta.messages.toolRunner({ ...BODY, tools: [TOOL] }),
  'beta.messages.toolRunner().runUntilDone': (client) =>
    client.beta.messages.toolRunner({ ...BODY, tools: [TOOL] }).runUntilDone(),
  'beta.messages.toolRunner, streamed': (client) =>
    drain(client.beta.messages.toolRunner({ ...BODY, tools: [TOOL], stream: true })),
};
const THREADS: Record<string, Path> = {
  'beta.messages.thread().send': (client) => client.beta.messages.thread(BODY).send(MORE),
  'beta.messages.thread().stream': (client) => client.beta.messages.thread(BODY).stream(MORE).finalMessage(),
  'beta.messages.thread().fork().stream': (client) =>
    client.beta.messages.thread(BODY).fork().stream(MORE).finalMessage(),
  'beta.messages.thread().toolRunner, streamed': (client) =>
    drain(client.beta.messages.thread({ ...BODY, tools: [TOOL] }).toolRunner({ stream: true })),
};

let stub: StubAnthropic;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubAnthropic();
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.reset();
  recording = createRecordingPath();
  recording.refuse();
});

async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function expectRefused(client: Client, path: Path): Promise<void> {
  const guarded = instrumentAnthropic(client, recording.path, {}, recording.runtime);
  const error = await errorOf(() => path(guarded));
  expect(error).toBeInstanceOf(BudgetExceededError);
  expect(error).toMatchObject({ code: 'COST_LIMIT_EXCEEDED', ruleName: 'daily' });
  expect(stub.requests).toHaveLength(0);
  expect(recording.events).toHaveLength(0);
  expect(recording.refusals).toBe(1);
  expect(recording.open.size).toBe(0);
}

describe.each(VERSIONS)('@anthropic-ai/sdk $version', ({ version, Anthropic, CommonJs }) => {
  const isNewest = version !== '0.60';
  const paths = { ...PATHS, ...WITH_BATCHES, ...(isNewest ? { ...NEWEST, ...THREADS } : {}) };
  const make = (Class = Anthropic, options: object = {}) => new Class({ apiKey: 'k', baseURL: stub.url, ...options });
  const guarded = (options: object = {}) =>
    instrumentAnthropic(make(Anthropic, options), recording.path, {}, recording.runtime);

  it.each(Object.keys(paths))('I1: a refused %s sends nothing and throws the error itself', async (name) => {
    await expectRefused(make(), paths[name]!);
  });

  it.each(Object.keys(paths))('I1: so it does in the CommonJS build (%s)', async (name) => {
    await expectRefused(make(CommonJs), paths[name]!);
  });

  it('I1: a batch is refused where one of its models is', async () => {
    const requests = ['cheap', 'dear', 'cheap'].map((model, at) => ({
      custom_id: String(at),
      params: { ...BODY, model },
    }));
    expect(await errorOf(() => guarded().messages.batches.create({ requests }))).toBeInstanceOf(BudgetExceededError);
    recording.allow();
    recording.decided.length = 0;
    await guarded().messages.batches.create({ requests });
    expect(recording.decided.map(({ model }) => model).sort()).toEqual(['cheap', 'dear']);
  });

  it('I1: a retry is decided on its own, and a refusal of it is thrown as it is', async () => {
    recording.allow();
    const fetchThenRefuse: typeof fetch = async (...request) => {
      const answer = await fetch(...request);
      recording.refuse();
      return answer;
    };
    const client = guarded({ maxRetries: 2, fetch: fetchThenRefuse });
    stub.faults.push({ status: 529, headers: { 'retry-after-ms': '1' } });
    expect(await errorOf(() => client.messages.create(BODY))).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ stopReason: 'ERROR', errorCode: 529 });
  });

  it('I1: an instance patched twice decides once, and the first guard keeps it', async () => {
    const other = createRecordingPath();
    const client = guarded();
    instrumentAnthropic(client, other.path, {}, other.runtime);
    expect(await errorOf(() => client.messages.create(BODY))).toBeInstanceOf(BudgetExceededError);
    expect([recording.decided.length, other.decided.length]).toEqual([1, 0]);
  });

  it('I1: an endpoint that no adapter knows passes, and its event says so', async () => {
    await guarded().post('/v1/sessions', { body: {} });
    expect(stub.requests).toHaveLength(1);
    expect(recording.events[0]?.attributes).toMatchObject({ unknownEndpoint: true, usageState: 'unknown' });
  });

  it('what costs nothing passes while calls are refused, and is not metered', async () => {
    const client = guarded();
    await client.models.list();
    await client.messages.countTokens(BODY);
    await client.beta.messages.countTokens(BODY);
    await client.messages.batches.retrieve('msgbatch_1');
    await client.messages.batches.cancel('msgbatch_1');
    await client.messages.batches.list();
    expect(stub.requests).toHaveLength(6);
    expect([recording.decided, recording.events]).toEqual([[], []]);
  });

  if (isNewest) {
    it.each([
      ['plain', false],
      ['streamed', true],
    ])('I1: a budget that is used up between the turns of a tool runner stops it, %s', async (_name, stream) => {
      recording.allow();
      const tools = [{ ...TOOL, run: () => recording.refuse() ?? 'sunny' }];
      const error = await errorOf(() => drain(guarded().beta.messages.toolRunner({ ...BODY, tools, stream })));
      expect(error).toBeInstanceOf(BudgetExceededError);
      expect(stub.requests).toHaveLength(1);
      expect(recording.events).toHaveLength(1);
    });
  }
});

const CLOUDS: readonly (readonly [string, Cloud, object, string])[] = [
  ['AnthropicBedrock', BEDROCK, BEDROCK_AUTH, 'AWS'],
  ['AnthropicBedrockMantle', MANTLE, BEDROCK_AUTH, 'AWS'],
  ['AnthropicVertex', VERTEX, VERTEX_AUTH, 'Google'],
];

describe.each(CLOUDS)('%s', (_name, { Esm, CommonJs }, auth, provider) => {
  const paths = { ...PATHS, ...NEWEST };
  it.each(Object.keys(paths))('I1: a refused %s sends nothing and throws the error itself', async (name) => {
    await expectRefused(new Esm({ baseURL: stub.url, ...auth }), paths[name]!);
    expect(recording.decided[0]).toMatchObject({ provider });
  });

  it.each(Object.keys(paths))('I1: so it does in the CommonJS build (%s)', async (name) => {
    await expectRefused(new CommonJs({ baseURL: stub.url, ...auth }), paths[name]!);
  });
});
