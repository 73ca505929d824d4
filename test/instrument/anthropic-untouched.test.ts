import { propagation, type TextMapPropagator, trace } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anthropicDialect, instrumentAnthropic, isAnthropicClient } from '../../src/instrument/anthropic.js';
import { isOpenAIClient } from '../../src/instrument/openai.js';
import { instrumentStainless } from '../../src/instrument/stainless.js';
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

const BODY = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] };
const STREAM = { ...BODY, stream: true as const };

/** Writes a header as W3C's does. */
const PROPAGATOR: TextMapPropagator = {
  inject: (_context, carrier, setter) =>
    setter.set(carrier, 'traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
  extract: (context) => context,
  fields: () => ['traceparent'],
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
});

async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

const WAYS: Record<string, (client: Client) => Promise<unknown>> = {
  create: async (c) => c.messages.create(BODY),
  stream: async (c) => drain(await c.messages.create(STREAM)),
  'raw bytes': async (c) => (await c.messages.create(STREAM).asResponse()).text(),
  helper: async (c) => c.messages.stream(BODY).finalMessage(),
  'helper’s events': async (c) => drain(c.messages.stream(BODY)),
  beta: async (c) => c.beta.messages.create(BODY),
  countTokens: async (c) => c.messages.countTokens(BODY),
  'models.list': async (c) => drain(await c.models.list()),
  'batches.create': async (c) => c.messages.batches.create({ requests: [{ custom_id: 'a', params: BODY }] }),
  'batches.results': async (c) => drain(await c.messages.batches.results('msgbatch_1')),
  'an unknown endpoint': async (c) => c.post('/v1/new/thing', { body: { model: 'm' } }),
  'an error answer': async (c) => c.post('/v1/messages', { body: { ...BODY, nonsense: 1 } }),
  'an absolute URL elsewhere': async (c) => c.get(`${stub.url}/elsewhere`),
};

async function outcome(task: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await task() };
  } catch (error) {
    const { name, message, status } = error as Record<string, unknown>;
    return { error: { class: (error as object).constructor.name, name, message, status } };
  }
}

describe.each(VERSIONS)('@anthropic-ai/sdk $version', ({ Anthropic }) => {
  const make = (options: object = {}) => new Anthropic({ apiKey: 'k', baseURL: stub.url, maxRetries: 0, ...options });

  it.each(Object.keys(WAYS))('I3: %s gives what it gives without us, and sends the same', async (name) => {
    const results = [{ custom_id: 'a', result: { type: 'expired' } }];
    stub.batchResults = results;
    const expected = await outcome(() => WAYS[name]!(make()));
    const sent = stub.requests.map(({ path, text }) => [path, text]);
    stub.reset();
    stub.batchResults = results;
    const guarded = instrumentAnthropic(make(), recording.path, {}, recording.runtime);
    expect(await outcome(() => WAYS[name]!(guarded))).toEqual(expected);
    expect(stub.requests.map(({ path, text }) => [path, text])).toEqual(sent);
    expect(recording.logged).toEqual([]);
  });

  it.each(['create', 'stream', 'helper', 'batches.results'])(
    'I2: a reading that fails costs the event, never the call (%s)',
    async (name) => {
      const expected = await outcome(() => WAYS[name]!(make()));
      stub.reset();
      const broken = {
        ...anthropicDialect,
        read: () => {
          throw new Error('ours');
        },
      };
      const guarded = instrumentStainless(make(), recording.path, broken, {}, recording.runtime);
      expect(await outcome(() => WAYS[name]!(guarded))).toEqual(expected);
      expect(recording.logged).toHaveLength(1);
    },
  );

  it('is recognised, and so are the clients of the clouds; others are not', () => {
    const clouds = [
      new BEDROCK.Esm(BEDROCK_AUTH),
      new MANTLE.CommonJs(BEDROCK_AUTH),
      new VERTEX.Esm(VERTEX_AUTH),
      new VERTEX.CommonJs(VERTEX_AUTH),
    ];
    for (const client of [make(), ...clouds]) {
      expect([isAnthropicClient(client), isOpenAIClient(client)]).toEqual([true, false]);
    }
    for (const other of [null, {}, 'x', { messages: { create() {} } }, fetch]) {
      expect(isAnthropicClient(other)).toBe(false);
    }
  });
});

describe('the newest version’s own features', () => {
  const { Anthropic } = VERSIONS[1]!;
  const guard = (options: object) =>
    instrumentAnthropic(
      new Anthropic({ apiKey: 'k', baseURL: stub.url, ...options }),
      recording.path,
      { uniqueIds: true },
      recording.runtime,
    );

  it('a traced client, which makes its headers anew, is decided once and metered once, with its metadata', async () => {
    const isOurs = trace.setGlobalTracerProvider(new BasicTracerProvider());
    propagation.setGlobalPropagator(PROPAGATOR);
    try {
      expect(isOurs).toBe(true);
      const headers: (string | null)[] = [];
      const seeing: typeof fetch = (input, init) => {
        headers.push(new Headers(init?.headers).get('traceparent'));
        return fetch(input, init);
      };
      const openTelemetry = { propagation: true, traces: { enabled: true } };
      const client = guard({ openTelemetry, fetch: seeing });
      const answer = await client.messages.create({ ...BODY, ...{ usageMetadata: { agent: 'a' } } });
      expect(headers).toEqual([expect.stringMatching(/^00-/)]);
      expect(recording.decided).toHaveLength(1);
      expect(recording.events).toMatchObject([{ agent: 'a', transactionId: answer.id }]);
    } finally {
      trace.disable();
      propagation.disable();
    }
  });

  it('a middleware that sends a request again makes another attempt, decided like a call', async () => {
    const twice = async (request: unknown, next: (request: unknown) => Promise<Response>) => {
      await (await next(request)).text();
      return next(request);
    };
    await guard({ middleware: [twice] }).messages.create(BODY);
    expect(stub.requests).toHaveLength(2);
    expect(recording.decided).toHaveLength(2);
    expect(recording.events.map(({ transactionId }) => transactionId)).toEqual(['msg_1', 'msg_2']);
  });
});
