import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const CHAT = { model: 'm', messages: MESSAGES };
const TOOL = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'd',
    parameters: { type: 'object' as const, properties: {} },
    parse: JSON.parse,
    function: () => 'sunny',
  },
};
const FORMAT = { type: 'json_schema' as const, json_schema: { name: 'a', strict: true, schema: { type: 'object' } } };

/** Every way in which a caller can reach a model through this client. */
const PATHS: Record<string, (client: Client) => unknown> = {
  'chat.completions.create': (client) => client.chat.completions.create(CHAT),
  'chat.completions.create, streamed': (client) => client.chat.completions.create({ ...CHAT, stream: true }),
  'chat.completions.create().asResponse': (client) => client.chat.completions.create(CHAT).asResponse(),
  'chat.completions.create().withResponse': (client) => client.chat.completions.create(CHAT).withResponse(),
  'chat.completions.create().then': (client) => client.chat.completions.create(CHAT).then((answer) => answer),
  'chat.completions.parse': (client) => client.chat.completions.parse({ ...CHAT, response_format: FORMAT }),
  'chat.completions.stream': (client) => client.chat.completions.stream(CHAT).finalContent(),
  'chat.completions.runTools': (client) => client.chat.completions.runTools({ ...CHAT, tools: [TOOL] }).finalContent(),
  'chat.completions.runTools, streamed': (client) =>
    client.chat.completions.runTools({ ...CHAT, tools: [TOOL], stream: true }).finalContent(),
  'responses.create': (client) => client.responses.create({ model: 'm', input: 'hi' }),
  'responses.create, streamed': (client) => client.responses.create({ model: 'm', input: 'hi', stream: true }),
  'responses.create, in the background': (client) =>
    client.responses.create({ model: 'm', input: 'hi', background: true }),
  'responses.parse': (client) => client.responses.parse({ model: 'm', input: 'hi' }),
  'responses.stream': (client) => client.responses.stream({ model: 'm', input: 'hi' }).finalResponse(),
  'embeddings.create': (client) => client.embeddings.create({ model: 'm', input: 'hi' }),
  'completions.create': (client) => client.completions.create({ model: 'm', prompt: 'hi' }),
  'completions.create, streamed': (client) => client.completions.create({ model: 'm', prompt: 'hi', stream: true }),
  withOptions: (client) => client.withOptions({ timeout: 5_000 }).chat.completions.create(CHAT),
  'withOptions of withOptions': (client) =>
    client.withOptions({ maxRetries: 1 }).withOptions({ timeout: 5_000 }).embeddings.create({ model: 'm', input: 'a' }),
  'withOptions().chat.completions.stream': (client) =>
    client.withOptions({ timeout: 5_000 }).chat.completions.stream(CHAT).finalContent(),
  'client.post': (client) => client.post('/chat/completions', { body: CHAT }),
  'client.request': (client) => client.request({ method: 'post', path: '/chat/completions', body: CHAT }),
  'client.post of JSON text': (client) =>
    client.post('/chat/completions', { body: JSON.stringify(CHAT), headers: { 'content-type': 'application/json' } }),
};

let stub: StubProvider;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());
beforeEach(() => {
  recording = createRecordingPath();
  recording.refuse();
  stub.requests.length = 0;
  stub.faults.length = 0;
});

async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe.each(MAJORS)('openai $major', ({ OpenAI, Azure, CommonJs }) => {
  const guarded = (Class = OpenAI, options: Record<string, unknown> = {}) =>
    instrumentOpenAI(
      new Class({ apiKey: 'k', baseURL: `${stub.url}/v1`, ...options }),
      recording.path,
      {},
      recording.runtime,
    );

  it.each(Object.keys(PATHS))('I1: a refused %s sends nothing and throws the error itself', async (name) => {
    const client = guarded();
    const error = await errorOf(() => PATHS[name]!(client));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(error).toMatchObject({ code: 'COST_LIMIT_EXCEEDED', ruleName: 'daily' });
    expect(stub.requests).toHaveLength(0);
    expect(recording.events).toHaveLength(0);
    expect(recording.refusals).toBe(1);
    expect(recording.open.size).toBe(0);
  });

  it('I1: the class of the CommonJS build is guarded alike', async () => {
    const client = guarded(CommonJs);
    expect(await errorOf(() => client.chat.completions.create(CHAT))).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(0);
  });

  it("I1: Azure's class and its clones are guarded, and the deployment is what is decided on", async () => {
    const azure = { baseURL: `${stub.url}/openai`, apiVersion: '2024-10-21', deployment: 'my-gpt-35-turbo-16k' };
    const client = guarded(Azure, azure);
    expect(await errorOf(() => client.chat.completions.create(CHAT))).toBeInstanceOf(BudgetExceededError);
    const clone = client.withOptions({ timeout: 5_000, ...{ apiVersion: '2024-10-21' } });
    expect(await errorOf(() => clone.chat.completions.create(CHAT))).toBeInstanceOf(BudgetExceededError);
    expect(recording.decided[0]).toMatchObject({ provider: 'Azure', model: 'gpt-3.5-turbo-16k' });
    expect(stub.requests).toHaveLength(0);
  });

  it('I1: a budget that is used up between the requests of a runner is found through the cause', async () => {
    recording.allow();
    const client = guarded();
    const tool = { ...TOOL, function: { ...TOOL.function, function: () => recording.refuse() ?? 'sunny' } };
    const runner = client.chat.completions.runTools({ ...CHAT, tools: [tool] });
    const error = await errorOf(() => runner.finalContent());
    expect(BudgetExceededError.is(error)).toBe(true);
    expect(BudgetExceededError.find(error)?.ruleName).toBe('daily');
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toHaveLength(1);
  });

  it('I1: a retry is decided on its own, and a refusal of it is thrown as it is', async () => {
    recording.allow();
    const fetchThenRefuse: typeof fetch = async (...request) => {
      const answer = await fetch(...request);
      recording.refuse();
      return answer;
    };
    const client = guarded(OpenAI, { maxRetries: 2, fetch: fetchThenRefuse });
    stub.faults.push({ status: 500, headers: { 'retry-after-ms': '1' } });
    const error = await errorOf(() => client.chat.completions.create(CHAT));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ stopReason: 'ERROR', errorCode: 500 });
  });

  it('I1: an instance patched twice decides once, and the first guard keeps it', async () => {
    const other = createRecordingPath();
    const client = guarded();
    instrumentOpenAI(client, other.path, {}, other.runtime);
    expect(await errorOf(() => client.chat.completions.create(CHAT))).toBeInstanceOf(BudgetExceededError);
    expect(recording.decided).toHaveLength(1);
    expect(other.decided).toHaveLength(0);
  });

  it('I1: an endpoint that no adapter knows passes, and its event says so', async () => {
    await guarded().post('/images/upscales', { body: { model: 'm' } });
    expect(stub.requests).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ operationType: 'IMAGE', attributes: { unknownEndpoint: true } });
  });

  it('reads that cost nothing pass while calls are refused', async () => {
    const client = guarded();
    await client.models.list();
    await client.responses.retrieve('resp_0');
    expect(stub.requests.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(recording.decided).toHaveLength(0);
    expect(recording.events).toHaveLength(0);
  });
});
