import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GuardOptions } from '../../src/guard-client.js';
import { instrumentAnthropic } from '../../src/instrument/anthropic.js';
import { type Client, VERSIONS } from '../helpers/anthropic-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubAnthropic, startStubAnthropic } from '../helpers/stub-anthropic.js';

const BODY = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi there' }] };
const STREAM = { ...BODY, stream: true as const };
const COUNTS = {
  inputTokenCount: 21,
  outputTokenCount: 9,
  cacheReadTokenCount: 8,
  cacheCreationTokenCount: 4,
  cacheCreation5mTokenCount: 3,
  cacheCreation1hTokenCount: 1,
  totalTokenCount: 42,
  provider: 'ANTHROPIC',
  modelSource: 'ANTHROPIC',
  model: 'claude-x-answered',
  stopReason: 'END',
};
const TOOL = {
  name: 'weather',
  description: 'd',
  input_schema: { type: 'object' as const },
  parse: (given: unknown) => given,
  run: () => 'sunny',
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

/** Waits for what another task of this process is about to do. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((go) => setImmediate(go));
}

function idOf(answer: unknown): unknown {
  return (answer as Record<string, unknown>)['_revenium_transaction_id'];
}

describe.each(VERSIONS)('@anthropic-ai/sdk $version', ({ version, Anthropic, CommonJs }) => {
  const isNewest = version !== '0.60';
  const guard = (options: Record<string, unknown> = {}, how: GuardOptions = { uniqueIds: true }) =>
    instrumentAnthropic(
      new Anthropic({ apiKey: 'k', baseURL: stub.url, maxRetries: 0, ...options }),
      recording.path,
      how,
      recording.runtime,
    );
  const only = () => {
    expect(recording.events).toHaveLength(1);
    expect(recording.open.size).toBe(0);
    return recording.events[0]!;
  };

  describe('I4: one attempt, one event', () => {
    const ways: [string, (client: Client) => Promise<unknown>, object][] = [
      ['create', async (c) => c.messages.create(BODY), { isStreamed: false }],
      ['asResponse', async (c) => (await c.messages.create(BODY).asResponse()).json(), {}],
      ['withResponse', async (c) => c.messages.create(BODY).withResponse(), {}],
      ['stream', async (c) => drain(await c.messages.create(STREAM)), { isStreamed: true }],
      ['stream helper', async (c) => c.messages.stream(BODY).finalMessage(), { isStreamed: true }],
      ['tee', async (c) => Promise.all((await c.messages.create(STREAM)).tee().map(drain)), {}],
      [
        'toReadableStream',
        async (c) => drain((await c.messages.create(STREAM)).toReadableStream() as unknown as AsyncIterable<unknown>),
        {},
      ],
      ['beta', async (c) => c.beta.messages.create(BODY), {}],
      ['beta stream', async (c) => drain(await c.beta.messages.create(STREAM)), {}],
      ['beta stream helper', async (c) => c.beta.messages.stream(BODY).finalText(), {}],
      ['client.post', async (c) => c.post('/v1/messages', { body: BODY }), {}],
      ['a clone', async (c) => c.withOptions({ timeout: 9_000 }).messages.create(BODY), {}],
      [
        'a clone of a clone',
        async (c) => c.withOptions({ timeout: 9_000 }).withOptions({ maxRetries: 1 }).messages.create(BODY),
        {},
      ],
    ];
    if (isNewest) ways.push(['parse', async (c) => c.messages.parse({ ...BODY }), {}]);
    it.each(ways)('%s', async (_name, call, expected) => {
      await call(guard());
      expect(only()).toMatchObject({ ...COUNTS, ...expected });
      expect(only().attributes).toMatchObject({ usageState: 'reported', requestedModel: 'claude-x' });
    });

    if (isNewest) {
      it.each([false, true])('a tool runner is an attempt a turn, with its metadata (streamed: %s)', async (stream) => {
        const params = { ...BODY, tools: [TOOL], stream, usageMetadata: { agent: 'a' } };
        await guard().beta.messages.toolRunner(params).runUntilDone();
        expect(recording.events.map(({ stopReason, agent }) => [stopReason, agent])).toEqual([
          ['END_SEQUENCE', 'a'],
          ['END', 'a'],
        ]);
        expect(recording.events[0]).toMatchObject({ operationType: 'CHAT', operationSubtype: 'function_call' });
        expect(recording.decided).toHaveLength(2);
      });

      it('a thread is an attempt a turn', async () => {
        const thread = guard().beta.messages.thread(BODY);
        await thread.send({ role: 'user', content: 'one' });
        await thread.stream({ role: 'user', content: 'two' }).finalMessage();
        expect(recording.events.map(({ isStreamed }) => isStreamed)).toEqual([false, true]);
        expect(recording.decided).toHaveLength(2);
      });
    }

    it('a break is a cancelled attempt: the input as reported, the output estimated', async () => {
      stub.faults.push('hold');
      const stream = await guard().messages.create(STREAM);
      for await (const event of stream) if (event.type === 'content_block_delta') break;
      expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
      expect(only()).toMatchObject({ inputTokenCount: 21, cacheReadTokenCount: 8 });
      expect(only().outputTokenCount).toBeGreaterThan(0);
      expect(only().totalTokenCount).toBe(33 + only().outputTokenCount);
    });

    it('an abort by the stream’s controller is a cancelled attempt', async () => {
      stub.faults.push('hold');
      const stream = await guard().messages.create(STREAM);
      await stream[Symbol.asyncIterator]().next();
      stream.controller.abort();
      await until(() => recording.events.length > 0);
      expect(only()).toMatchObject({ stopReason: 'CANCELLED' });
    });

    it('the abort of a helper is a cancelled attempt', async () => {
      stub.faults.push('hold');
      const helper = guard().messages.stream(BODY);
      const failed = expect(helper.done()).rejects.toThrow('abort');
      await helper.emitted('text').catch(() => undefined);
      helper.abort();
      await failed;
      await until(() => recording.events.length > 0);
      expect(only()).toMatchObject({ stopReason: 'CANCELLED' });
    });

    it('an abort before the answer is a cancelled attempt, a time limit a timed-out one', async () => {
      stub.faults.push('hang', 'hang');
      const controller = new AbortController();
      const failed = expect(guard().messages.create(BODY, { signal: controller.signal })).rejects.toThrow('abort');
      await until(() => stub.requests.length === 1);
      controller.abort();
      await failed;
      await expect(guard({ timeout: 300 }).messages.create(BODY)).rejects.toThrow('timed out');
      expect(recording.events.map(({ stopReason }) => stopReason)).toEqual(['CANCELLED', 'TIMEOUT']);
    });

    it('a break after the provider’s last word is the provider’s end', async () => {
      const stream = await guard().messages.create(STREAM);
      for await (const event of stream) if (event.type === 'message_delta') break;
      expect(only()).toMatchObject(COUNTS);
    });

    it.each(['create', 'stream'])('a connection that breaks is a failed attempt (%s)', async (how) => {
      stub.faults.push('cut');
      const client = guard();
      const call = async () =>
        how === 'create' ? client.messages.create(BODY) : drain(await client.messages.create(STREAM));
      await expect(call()).rejects.toThrow();
      expect(only()).toMatchObject({ stopReason: 'ERROR' });
      expect(only().errorReason).toMatch(/terminated|other side closed|premature/i);
      expect(only().attributes?.['usageState']).toBe('estimated');
    });

    it('an error inside a stream under HTTP 200 is a failed attempt', async () => {
      stub.faults.push('error-inside');
      await expect(drain(await guard().messages.create(STREAM))).rejects.toThrow('Overloaded');
      expect(only()).toMatchObject({ stopReason: 'ERROR', errorReason: 'overloaded_error: Overloaded' });
      expect(only()).toMatchObject({ inputTokenCount: 21, attributes: { usageState: 'estimated' } });
    });

    it('a stream that ends without the last event was cut', async () => {
      stub.faults.push('no-stop');
      await drain(await guard().messages.create(STREAM));
      expect(only()).toMatchObject({ stopReason: 'ERROR', errorReason: 'the stream ended early' });
      expect(only().attributes?.['usageState']).toBe('estimated');
    });

    it('a refusal by the provider is a failed attempt that consumed nothing', async () => {
      stub.faults.push({ status: 404, message: 'no such model' });
      await expect(guard().messages.create(BODY)).rejects.toThrow('no such model');
      expect(only()).toMatchObject({ errorCode: 404, errorReason: 'no such model', totalTokenCount: 0 });
      expect(only().attributes?.['usageState']).toBe('reported');
    });

    it('an answer that nobody reads is metered after a minute', async () => {
      const response = await guard().messages.create(STREAM).asResponse();
      recording.advance(59_999);
      expect(recording.events).toHaveLength(0);
      recording.advance(1);
      expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { end: 'abandoned' } });
      await response.text();
      expect(recording.events).toHaveLength(1);
    });

    it('a retry of the client is an attempt of its own, with the same metadata', async () => {
      stub.faults.push({ status: 529, headers: { 'retry-after-ms': '1' } });
      await drain(await guard({ maxRetries: 2 }).messages.create({ ...STREAM, ...{ usageMetadata: { agent: 'a' } } }));
      expect(recording.events.map(({ errorCode, agent }) => [errorCode, agent])).toEqual([
        [529, 'a'],
        [undefined, 'a'],
      ]);
      expect(recording.decided).toHaveLength(2);
    });

    it('a client that is guarded twice, by two instances, in two module systems, meters once', async () => {
      const other = createRecordingPath();
      const client = guard();
      instrumentAnthropic(client, other.path, {}, other.runtime);
      const nested = new CommonJs({ apiKey: 'k', baseURL: stub.url, fetch: Reflect.get(client, 'fetch') });
      instrumentAnthropic(nested, recording.path, {}, recording.runtime);
      await client.messages.create(BODY);
      await nested.messages.create(BODY);
      expect([recording.events.length, other.events.length]).toEqual([2, 0]);
    });

    it('I5: an old text completion reports no counts, and is estimated', async () => {
      await guard().post('/v1/complete', { body: { model: 'claude-2', prompt: 'Sky?', max_tokens_to_sample: 9 } });
      expect(only()).toMatchObject({ stopReason: 'END_SEQUENCE', attributes: { usageState: 'estimated' } });
      expect(only().outputTokenCount).toBeGreaterThan(0);
    });
  });

  it('I4: a stream cut at every byte boundary of its events is metered once, with the truth or a marked estimate', async () => {
    await drain(await guard().messages.create(STREAM));
    const whole = Buffer.byteLength(await (await fetch(`${stub.url}/v1/messages`, streamed())).text());
    recording.events.length = 0;
    const client = guard();
    for (let bytes = 0; bytes <= whole; bytes += 7) {
      stub.cutAfterBytes = bytes;
      await drain(await client.messages.create(STREAM)).catch(() => undefined);
      expect(recording.events).toHaveLength(1);
      const [event] = recording.events.splice(0);
      const state = event!.attributes?.['usageState'];
      if (state === 'reported') expect(event).toMatchObject(COUNTS);
      else expect(event).toMatchObject({ stopReason: 'ERROR', errorReason: 'the stream ended early' });
      expect(['reported', 'estimated']).toContain(state);
      expect(event!.inputTokenCount).toBeGreaterThan(0);
      // Before `message_start` nothing is known but what was asked.
      if (bytes > 500) expect(event).toMatchObject({ inputTokenCount: 21 });
      expect(recording.open.size).toBe(0);
    }
  });

  it('I4: the transaction id is on the answer and on every event, and not among its fields', async () => {
    const client = guard();
    const answer = await client.messages.create(BODY);
    expect(idOf(answer)).toBe(answer.id);
    expect(Object.keys(answer)).not.toContain('_revenium_transaction_id');
    for (const event of await drain(await client.messages.create(STREAM))) expect(idOf(event)).toBe('msg_2');
  });

  it('I4: where ids may repeat, the attempt’s own id is the transaction id, and the provider’s is kept beside it', async () => {
    const answer = await guard({}, {}).messages.create(BODY);
    expect(only().transactionId).toMatch(/^attempt-/);
    expect(idOf(answer)).toBe(only().transactionId);
    expect(only().attributes).toMatchObject({ providerResponseId: answer.id, host: stub.url.slice(7) });
  });

  it.each<[string, (client: Client) => Promise<unknown>]>([
    ['body', async (c) => c.messages.create({ ...BODY, ...{ usageMetadata: { agent: 'a' } } })],
    ['snake', async (c) => c.messages.create({ ...BODY, ...{ usage_metadata: { agent: 'a' } } })],
    ['options', async (c) => c.messages.create(BODY, { ...({ usageMetadata: { agent: 'a' } } as object) })],
    ['helper', async (c) => c.messages.stream({ ...BODY, ...{ usageMetadata: { agent: 'a' } } }).finalMessage()],
    ['beta', async (c) => c.beta.messages.create({ ...BODY, ...{ usageMetadata: { agent: 'a' } } })],
    ['post', async (c) => c.post('/v1/messages', { body: { ...BODY, usageMetadata: { agent: 'a' } } })],
  ])('metadata given with the %s reaches the event and the guard, never the provider', async (_how, call) => {
    await call(guard());
    expect(only()).toMatchObject({ agent: 'a' });
    expect(recording.decided[0]).toMatchObject({ agent: 'a', model: 'claude-x' });
    expect(stub.requests[0]!.text).not.toMatch(/usage_?metadata/i);
  });
});

function streamed(): RequestInit {
  return { method: 'POST', body: JSON.stringify(STREAM) };
}
