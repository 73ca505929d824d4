import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GuardOptions } from '../../src/guard-client.js';
import { instrumentAnthropic } from '../../src/instrument/anthropic.js';
import {
  BEDROCK,
  BEDROCK_AUTH,
  type Client,
  MANTLE,
  VERSIONS,
  VERTEX,
  VERTEX_AUTH,
} from '../helpers/anthropic-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubAnthropic, startStubAnthropic } from '../helpers/stub-anthropic.js';

const HAIKU = 'claude-3-haiku-20240307';
const BODY = { model: HAIKU, max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi there' }] };
const STREAM = { ...BODY, stream: true as const };
const COUNTS = { inputTokenCount: 21, outputTokenCount: 9, cacheReadTokenCount: 8, totalTokenCount: 42 };

let stub: StubAnthropic;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubAnthropic();
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.reset();
  recording = createRecordingPath();
});

async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

/** A fetch that believes in the cloud's own host and goes to the stub. */
const redirected: typeof fetch = (input, init) => fetch(String(input).replace(/^https?:\/\/[^/]+/, stub.url), init);
const OPTIONS = { maxRetries: 0, fetch: redirected };
const CLOUDS: readonly (readonly [string, () => Client, object, RegExp])[] = [
  [
    'AnthropicBedrock',
    () => new BEDROCK.Esm({ ...OPTIONS, ...BEDROCK_AUTH }),
    { provider: 'AWS', model: `anthropic.${HAIKU}-v1:0` },
    /^\/model\/claude-3-haiku-20240307\/invoke(-with-response-stream)?$/,
  ],
  [
    'AnthropicBedrock of CommonJS, signed',
    () => new BEDROCK.CommonJs({ ...OPTIONS, awsRegion: 'eu-west-1', awsAccessKey: 'a', awsSecretKey: 's' }),
    { provider: 'AWS', model: `anthropic.${HAIKU}-v1:0` },
    /^\/model\//,
  ],
  [
    'AnthropicBedrockMantle',
    () => new MANTLE.Esm({ ...OPTIONS, ...BEDROCK_AUTH }),
    { provider: 'AWS', model: `anthropic.${HAIKU}-v1:0` },
    /^\/anthropic\/v1\/messages/,
  ],
  [
    'AnthropicVertex',
    () => new VERTEX.Esm({ ...OPTIONS, ...VERTEX_AUTH }),
    { provider: 'Google', model: `${HAIKU}-answered`, attributes: { cacheInside: false, reasoningInside: true } },
    /^\/v1\/projects\/p\/locations\/us-east5\/publishers\/anthropic\/models\/claude-3-haiku-20240307:(raw|streamRaw)Predict$/,
  ],
  [
    'AnthropicVertex of CommonJS',
    () => new VERTEX.CommonJs({ ...OPTIONS, ...VERTEX_AUTH }),
    { provider: 'Google', model: `${HAIKU}-answered` },
    /^\/v1\/projects\//,
  ],
];

describe.each(CLOUDS)('%s', (_name, make, names, pathPattern) => {
  const guard = (how: GuardOptions = {}) => instrumentAnthropic(make(), recording.path, how, recording.runtime);
  const only = () => {
    expect(recording.events).toHaveLength(1);
    expect(recording.open.size).toBe(0);
    return recording.events[0]!;
  };

  it.each<[string, (client: Client) => Promise<unknown>]>([
    ['create', async (c) => c.messages.create(BODY)],
    ['asResponse', async (c) => (await c.messages.create(BODY).asResponse()).json()],
    ['stream', async (c) => drain(await c.messages.create(STREAM))],
    ['stream helper', async (c) => c.messages.stream(BODY).finalMessage()],
    ['beta', async (c) => c.beta.messages.create(BODY)],
    ['beta stream helper', async (c) => c.beta.messages.stream(BODY).finalText()],
    ['a clone', async (c) => c.withOptions({ timeout: 9_000 }).messages.create(BODY)],
  ])('I4: %s is metered once, under the name of the cloud', async (_way, call) => {
    await call(guard());
    expect(only()).toMatchObject({ ...COUNTS, ...names, modelSource: 'ANTHROPIC', transactionId: 'msg_1' });
    expect(only().attributes).toMatchObject({ usageState: 'reported' });
    expect(stub.requests[0]?.path.replace(/\?.*/, '')).toMatch(pathPattern);
  });

  it('I3: the program gets what it gets without us, the transaction id beside it', async () => {
    const bare = make();
    const [expected, events] = [await bare.messages.create(BODY), await drain(await bare.messages.create(STREAM))];
    stub.reset();
    const client = guard();
    const answer = await client.messages.create(BODY);
    expect(answer).toEqual(expected);
    expect(Reflect.get(answer, '_revenium_transaction_id')).toBe('msg_1');
    const seen = await drain(await client.messages.create(STREAM));
    expect(seen).toEqual(events);
    expect(Reflect.get(seen[0] as object, '_revenium_transaction_id')).toBe('msg_2');
  });

  it('metadata reaches the event and the guard, never the cloud', async () => {
    await guard().messages.create({ ...BODY, ...{ usageMetadata: { agent: 'a' } } });
    expect(only()).toMatchObject({ agent: 'a' });
    expect(stub.requests[0]!.text).not.toMatch(/usage_?metadata/i);
  });

  it('a break is a cancelled attempt, with an estimate', async () => {
    stub.faults.push('hold');
    for await (const event of await guard().messages.create(STREAM)) if (event.type === 'content_block_delta') break;
    while (recording.events.length === 0) await new Promise((go) => setImmediate(go));
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', inputTokenCount: 21 });
    expect(only().attributes).toMatchObject({ usageState: 'estimated' });
  });

  it('an error inside a stream, a broken connection and an error answer are failed attempts', async () => {
    const client = guard();
    stub.faults.push('error-inside', 'cut', { status: 429, message: 'slow down' });
    for (let round = 0; round < 3; round += 1) {
      await expect(client.messages.create(STREAM).then((stream) => drain(stream))).rejects.toThrow();
    }
    expect(recording.events.map(({ stopReason, errorCode }) => [stopReason, errorCode])).toEqual([
      ['ERROR', undefined],
      ['ERROR', undefined],
      ['ERROR', 429],
    ]);
    expect(recording.events[0]!.errorReason).toMatch(/^(overloaded_error: Overloaded|throttlingException: Too many)/);
    expect(recording.open.size).toBe(0);
  });

  it('I4: a stream cut at every boundary is metered once, with the truth or a marked estimate', async () => {
    const client = guard();
    for (let bytes = 0, isWhole = false; !isWhole; bytes += 23) {
      stub.cutAfterBytes = bytes;
      isWhole = await client.messages.create(STREAM).then(
        async (stream) => (await drain(stream).catch(() => [])).length >= 12,
        () => false,
      );
      expect(recording.events).toHaveLength(1);
      const [event] = recording.events.splice(0);
      if (event!.attributes?.['usageState'] === 'reported') expect(event).toMatchObject({ ...COUNTS, ...names });
      else expect(event).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'estimated' } });
      expect(recording.open.size).toBe(0);
    }
  });
});

describe('Bedrock', () => {
  it('says how many tokens in its headers where the body does not', async () => {
    const withoutUsage: typeof fetch = async (...request) => {
      const { usage: _usage, ...body } = (await (await redirected(...request)).json()) as Record<string, unknown>;
      const counts = { 'x-amzn-bedrock-input-token-count': '11', 'x-amzn-bedrock-output-token-count': '7' };
      return Response.json(body, { headers: counts });
    };
    const client = new BEDROCK.Esm({ ...BEDROCK_AUTH, fetch: withoutUsage });
    await instrumentAnthropic(client, recording.path, {}, recording.runtime).messages.create(BODY);
    expect(recording.events[0]).toMatchObject({ inputTokenCount: 11, outputTokenCount: 7, totalTokenCount: 18 });
    expect(recording.events[0]?.attributes).toMatchObject({ usageState: 'reported' });
  });

  it.each([
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['claude-opus-4-7', 'anthropic.claude-opus-4-7'],
    // A profile of one's own: its name says nothing of the price.
    ['arn:aws:bedrock:us-east-1:1:application-inference-profile/x', undefined],
  ])('is decided on and metered by the id of the model: %s', async (model, id) => {
    const client = new BEDROCK.Esm({ ...OPTIONS, ...BEDROCK_AUTH });
    await instrumentAnthropic(client, recording.path, {}, recording.runtime).messages.create({ ...BODY, model });
    expect(recording.decided[0]).toMatchObject({ model: id ?? model, provider: 'AWS' });
    expect(recording.events[0]?.model).toBe(id ?? `${model}-answered`);
  });

  it('passes unguarded with one line in the log while REVENIUM_BEDROCK_DISABLE is set', async () => {
    recording = createRecordingPath({ REVENIUM_BEDROCK_DISABLE: '1' });
    recording.refuse();
    const client = new BEDROCK.Esm({ ...OPTIONS, ...BEDROCK_AUTH });
    await instrumentAnthropic(client, recording.path, {}, recording.runtime).messages.create(BODY);
    expect([recording.decided, recording.events]).toEqual([[], []]);
    expect(recording.logged).toHaveLength(1);
    const other = new VERTEX.Esm({ ...OPTIONS, ...VERTEX_AUTH });
    const guarded = instrumentAnthropic(other, recording.path, {}, recording.runtime);
    await expect(guarded.messages.create(BODY)).rejects.toThrow('budget');
  });
});

describe('the client of Anthropic itself', () => {
  const { Anthropic } = VERSIONS[1]!;
  it.each([
    ['https://api.anthropic.com', 'ANTHROPIC', 'ANTHROPIC', 'msg_1', undefined],
    ['https://my.services.ai.azure.com/anthropic', 'Foundry', 'ANTHROPIC', 'msg_1', undefined],
    ['https://bedrock-runtime.us-east-1.amazonaws.com', 'AWS', 'ANTHROPIC', 'msg_1', undefined],
    ['http://localhost:11434', 'OLLAMA', 'OLLAMA', 'attempt-1', undefined],
    ['https://api.deepseek.com/anthropic', 'DEEPSEEK', 'DEEPSEEK', 'attempt-1', undefined],
    ['https://proxy.example', 'ANTHROPIC', 'ANTHROPIC', 'attempt-1', 'proxy.example'],
  ])('pointed at %s', async (baseURL, provider, modelSource, transactionId, host) => {
    const client = new Anthropic({ ...OPTIONS, apiKey: 'k', baseURL });
    await instrumentAnthropic(client, recording.path, {}, recording.runtime).messages.create(BODY);
    expect(recording.events[0]).toMatchObject({ provider, modelSource, transactionId });
    expect(recording.events[0]?.attributes?.['host']).toBe(host);
  });
});
