import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi there' }];
const CHAT = { model: 'm', messages: MESSAGES };
const STREAM = { ...CHAT, stream: true as const };
const COUNTS = { inputTokenCount: 21, outputTokenCount: 9, totalTokenCount: 30, cacheReadTokenCount: 8 };

let stub: StubProvider;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubProvider();
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

describe.each(MAJORS)('openai $major', ({ major, OpenAI, Azure, CommonJs }) => {
  const guard = (options: Record<string, unknown> = {}, how: object = { injectUsage: true, uniqueIds: true }) =>
    instrumentOpenAI(
      new OpenAI({ apiKey: 'k', baseURL: `${stub.url}/v1`, maxRetries: 0, ...options }),
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
    it.each<[string, (client: Client) => Promise<unknown>, object]>([
      ['create', async (c) => c.chat.completions.create(CHAT), { ...COUNTS, stopReason: 'END', isStreamed: false }],
      ['parse', async (c) => c.chat.completions.parse(CHAT), COUNTS],
      ['asResponse', async (c) => (await c.chat.completions.create(CHAT).asResponse()).json(), COUNTS],
      ['withResponse', async (c) => c.chat.completions.create(CHAT).withResponse(), COUNTS],
      ['stream', async (c) => drain(await c.chat.completions.create(STREAM)), { ...COUNTS, isStreamed: true }],
      ['stream helper', async (c) => c.chat.completions.stream(CHAT).finalContent(), COUNTS],
      ['tee', async (c) => Promise.all((await c.chat.completions.create(STREAM)).tee().map(drain)), COUNTS],
      [
        'toReadableStream',
        async (c) =>
          drain((await c.chat.completions.create(STREAM)).toReadableStream() as unknown as AsyncIterable<unknown>),
        COUNTS,
      ],
      ['responses', async (c) => c.responses.create({ model: 'm', input: 'x' }), { ...COUNTS, stopReason: 'END' }],
      ['responses helper', async (c) => c.responses.stream({ model: 'm', input: 'x' }).finalResponse(), COUNTS],
      [
        'responses stream',
        async (c) => drain(await c.responses.create({ model: 'm', input: 'x', stream: true })),
        COUNTS,
      ],
      [
        'embeddings',
        async (c) => c.embeddings.create({ model: 'm', input: 'x' }),
        { operationType: 'EMBED', inputTokenCount: 8, outputTokenCount: 0, totalTokenCount: 8 },
      ],
      ['completions', async (c) => c.completions.create({ model: 'm', prompt: 'x' }), { stopReason: 'TOKEN_LIMIT' }],
      [
        'completions stream',
        async (c) => drain(await c.completions.create({ model: 'm', prompt: 'x', stream: true })),
        { totalTokenCount: 30, stopReason: 'TOKEN_LIMIT' },
      ],
      ['client.post', async (c) => c.post('/chat/completions', { body: CHAT }), COUNTS],
      ['a clone of withOptions', async (c) => c.withOptions({ timeout: 9_000 }).chat.completions.create(CHAT), COUNTS],
      [
        'a clone of a clone',
        async (c) => c.withOptions({ timeout: 9_000 }).withOptions({ maxRetries: 1 }).chat.completions.create(CHAT),
        COUNTS,
      ],
    ])('%s', async (_name, call, expected) => {
      await call(guard());
      expect(only()).toMatchObject(expected);
      expect(only().attributes?.['usageState']).toBe('reported');
    });

    it('a runner that calls a tool is two attempts', async () => {
      const tool = {
        type: 'function' as const,
        function: { name: 'weather', description: '', parameters: {}, parse: JSON.parse, function: () => 'sun' },
      };
      await guard()
        .chat.completions.runTools({ ...CHAT, tools: [tool] })
        .finalContent();
      expect(recording.events.map(({ stopReason }) => stopReason)).toEqual(['END_SEQUENCE', 'END']);
      expect(recording.events[0]).toMatchObject({ operationType: 'CHAT', operationSubtype: 'function_call' });
      expect(recording.decided).toHaveLength(2);
    });

    it('a break is a cancelled attempt, with an estimate', async () => {
      stub.faults.push('hold');
      const stream = await guard().chat.completions.create(STREAM);
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
      expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
      expect(only().inputTokenCount).toBeGreaterThan(0);
      expect(only().outputTokenCount).toBeGreaterThan(0);
    });

    it.each([false, true])(
      'an abort by the stream’s controller is a cancelled attempt (read on: %s)',
      async (readsOn) => {
        stub.faults.push('hold');
        const stream = await guard().chat.completions.create(STREAM);
        const iterator = stream[Symbol.asyncIterator]();
        await iterator.next();
        stream.controller.abort();
        if (readsOn) await drain({ [Symbol.asyncIterator]: () => iterator });
        await until(() => recording.events.length > 0);
        expect(only()).toMatchObject({ stopReason: 'CANCELLED' });
        await stub.requests[0]!.aborted;
      },
    );

    it('an abort before the answer is a cancelled attempt', async () => {
      stub.faults.push('hang');
      const controller = new AbortController();
      const call = guard().chat.completions.create(CHAT, { signal: controller.signal });
      const failed = expect(call).rejects.toThrow('abort');
      await until(() => stub.requests.length === 1);
      controller.abort();
      await failed;
      expect(only()).toMatchObject({ stopReason: 'CANCELLED' });
    });

    it('a time limit of the client is a timed-out attempt', async () => {
      stub.faults.push('hang');
      await expect(guard({ timeout: 300 }).chat.completions.create(CHAT)).rejects.toThrow('timed out');
      expect(only()).toMatchObject({ stopReason: 'TIMEOUT' });
    });

    it('a break after the provider’s last word is the provider’s end', async () => {
      const stream = await guard().chat.completions.create(STREAM);
      for await (const chunk of stream) if (chunk.choices[0]?.finish_reason) break;
      expect(only()).toMatchObject({ stopReason: 'END' });
    });

    // openai 7 keeps a stream that waits reachable by itself; there the idle limit ends it (test/call/attempt.test.ts).
    if (major !== 7) {
      it('a stream that is read in part and forgotten is metered when nobody can read it any more', async () => {
        setFlagsFromString('--expose-gc');
        const collect = runInNewContext('gc') as () => void;
        const client = guard();
        const readOne = async () => {
          const stream = await client.chat.completions.create(STREAM);
          await stream[Symbol.asyncIterator]().next();
        };
        await readOne();
        for (let round = 0; round < 2_000 && recording.events.length === 0; round += 1) {
          collect();
          await new Promise((go) => setTimeout(go, 5));
        }
        expect(only()).toMatchObject({ attributes: { end: expect.stringMatching(/abandoned|completed/) } });
      });
    }

    it('the abort of a helper is a cancelled attempt', async () => {
      stub.faults.push('hold');
      const runner = guard().chat.completions.stream(CHAT);
      const failed = expect(runner.done()).rejects.toThrow('abort');
      await runner.emitted('content').catch(() => undefined);
      runner.abort();
      await failed;
      await until(() => recording.events.length > 0);
      expect(only()).toMatchObject({ stopReason: 'CANCELLED' });
    });

    it.each(['create', 'stream'])('a connection that breaks is a failed attempt (%s)', async (how) => {
      stub.faults.push('cut');
      const client = guard();
      const call = async () =>
        how === 'create' ? client.chat.completions.create(CHAT) : drain(await client.chat.completions.create(STREAM));
      await expect(call()).rejects.toThrow();
      expect(only()).toMatchObject({ stopReason: 'ERROR' });
      expect(only().errorReason).toMatch(/terminated|other side closed|premature/i);
      expect(only().attributes?.['usageState']).toBe(how === 'stream' ? 'estimated' : 'unknown');
    });

    it('an error inside a stream under HTTP 200 is a failed attempt', async () => {
      stub.faults.push('error-inside');
      await expect(drain(await guard().chat.completions.create(STREAM))).rejects.toThrow('the engine fell over');
      expect(only()).toMatchObject({ stopReason: 'ERROR', errorReason: 'the engine fell over' });
    });

    it('a refusal by the provider is a failed attempt that consumed nothing', async () => {
      stub.faults.push({ status: 404, message: 'no such model' });
      await expect(guard().chat.completions.create(CHAT)).rejects.toThrow('no such model');
      expect(only()).toMatchObject({ errorCode: 404, errorReason: 'no such model', totalTokenCount: 0 });
    });

    it('an answer that nobody reads is metered after a minute', async () => {
      const response = await guard().chat.completions.create(STREAM).asResponse();
      expect(recording.events).toHaveLength(0);
      recording.advance(59_999);
      expect(recording.events).toHaveLength(0);
      recording.advance(1);
      expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { end: 'abandoned' } });
      await response.text();
      expect(recording.events).toHaveLength(1);
    });

    it('a retry of the client is an attempt of its own, with the same metadata', async () => {
      stub.faults.push({ status: 500, headers: { 'retry-after-ms': '1' } });
      stub.faults.push({ status: 429, headers: { 'retry-after-ms': '1' } });
      const body = { ...STREAM, usageMetadata: { agent: 'a' } };
      await drain(await guard({ maxRetries: 2 }).chat.completions.create(body));
      expect(recording.events.map(({ errorCode, agent }) => [errorCode, agent])).toEqual([
        [500, 'a'],
        [429, 'a'],
        [undefined, 'a'],
      ]);
      expect(recording.decided).toHaveLength(3);
      expect(new Set(recording.events.map(({ transactionId }) => transactionId)).size).toBe(3);
      expect(recording.events[2]).toMatchObject(COUNTS);
    });

    it.each(['no-done', 'crlf', 'comments', 'bytes'] as const)('a stream with %s is read', async (fault) => {
      stub.faults.push(fault);
      await drain(await guard().chat.completions.create(STREAM));
      expect(only()).toMatchObject(COUNTS);
    });

    it('a client that is guarded twice, by two instances, in two module systems, meters once', async () => {
      const other = createRecordingPath();
      const client = guard();
      instrumentOpenAI(client, other.path, {}, other.runtime);
      const nested = new CommonJs({ apiKey: 'k', baseURL: `${stub.url}/v1`, fetch: Reflect.get(client, 'fetch') });
      instrumentOpenAI(nested, recording.path, {}, recording.runtime);
      await client.chat.completions.create(CHAT);
      await nested.chat.completions.create(CHAT);
      expect(recording.events).toHaveLength(2);
      expect(other.events).toHaveLength(0);
    });
  });

  it('I4: the transaction id is on the answer and on every chunk, and not among its fields', async () => {
    const client = guard();
    const answer = await client.chat.completions.create(CHAT);
    expect(idOf(answer)).toBe(answer.id);
    expect(Object.keys(answer)).not.toContain('_revenium_transaction_id');
    for (const chunk of await drain(await client.chat.completions.create(STREAM)))
      expect(idOf(chunk)).toBe('chatcmpl-2');
    for (const branch of (await client.chat.completions.create(STREAM)).tee()) {
      for (const chunk of await drain(branch)) expect(idOf(chunk)).toBe('chatcmpl-3');
    }
    expect(idOf(await client.chat.completions.parse(CHAT))).toBe('chatcmpl-4');
    expect(idOf(await client.responses.create({ model: 'm', input: 'x' }))).toBe('resp_5');
    expect(idOf(await client.embeddings.create({ model: 'm', input: 'x' }))).toBe(recording.events[5]!.transactionId);
  });

  it('I4: where ids may repeat, the attempt’s own id is the transaction id, and the provider’s is kept beside it', async () => {
    const answer = await guard({}, {}).chat.completions.create(CHAT);
    expect(only().transactionId).toMatch(/^attempt-/);
    expect(idOf(answer)).toBe(only().transactionId);
    expect(only().attributes).toMatchObject({ providerResponseId: answer.id, host: stub.url.slice(7) });
  });

  describe('metadata', () => {
    it.each<[string, (client: Client) => Promise<unknown>]>([
      ['body', async (c) => c.chat.completions.create({ ...CHAT, ...{ usageMetadata: { agent: 'a' } } })],
      ['snake', async (c) => c.chat.completions.create({ ...CHAT, ...{ usage_metadata: { agent: 'a' } } })],
      ['options', async (c) => c.chat.completions.create(CHAT, { ...({ usageMetadata: { agent: 'a' } } as object) })],
      [
        'helper',
        async (c) => c.chat.completions.stream({ ...CHAT, ...{ usageMetadata: { agent: 'a' } } }).finalContent(),
      ],
      ['parse', async (c) => c.chat.completions.parse({ ...CHAT, ...{ usageMetadata: { agent: 'a' } } })],
      ['responses', async (c) => c.responses.create({ model: 'm', input: 'x', ...{ usageMetadata: { agent: 'a' } } })],
      [
        'responses helper',
        async (c) =>
          c.responses.stream({ model: 'm', input: 'x', ...{ usageMetadata: { agent: 'a' } } }).finalResponse(),
      ],
      [
        'embeddings',
        async (c) => c.embeddings.create({ model: 'm', input: 'x', ...{ usageMetadata: { agent: 'a' } } }),
      ],
      ['post', async (c) => c.post('/chat/completions', { body: { ...CHAT, usageMetadata: { agent: 'a' } } })],
      [
        'text',
        async (c) =>
          c.post('/chat/completions', {
            body: JSON.stringify({ ...CHAT, usageMetadata: { agent: 'a' } }),
            headers: { 'content-type': 'application/json' },
          }),
      ],
    ])('given with the %s reaches the event and the guard, never the provider', async (_how, call) => {
      await call(guard());
      expect(only()).toMatchObject({ agent: 'a' });
      expect(recording.decided[0]).toMatchObject({ agent: 'a', model: 'm' });
      expect(stub.requests[0]!.text).not.toMatch(/usage_?metadata/i);
    });

    it('in a form is taken out of it, nested or not', async () => {
      const file = new File([Buffer.from('RIFF')], 'a.wav');
      const subscriber = { id: 'u-1', credential: { name: 'key' } };
      const body = { file, model: 'whisper-1', ...{ usageMetadata: { agent: 'a', subscriber } } };
      await guard().audio.transcriptions.create(body);
      expect(stub.requests[0]!.text).toContain('whisper-1');
      expect(stub.requests[0]!.text).not.toContain('usageMetadata');
      expect(only()).toMatchObject({ agent: 'a', subscriber, operationType: 'AUDIO', model: 'whisper-1' });
    });
  });

  describe('background responses', () => {
    it('I4: are metered once, when their end is read, on behalf of who made them', async () => {
      const client = guard();
      const body = { model: 'm', input: 'x', background: true, ...{ usageMetadata: { agent: 'maker' } } };
      const made = await client.responses.create(body);
      expect(recording.events).toHaveLength(0);
      await client.responses.retrieve(made.id);
      expect(recording.events).toHaveLength(0);
      const done = await client.withOptions({ timeout: 9_000 }).responses.retrieve(made.id);
      expect(done.status).toBe('completed');
      expect(only()).toMatchObject({ ...COUNTS, transactionId: made.id, agent: 'maker' });
      await client.responses.retrieve(made.id);
      expect(recording.events).toHaveLength(1);
    });

    it('I4: a response that was not made in the background is metered when made, not when read', async () => {
      const client = guard();
      const made = await client.responses.create({ model: 'm', input: 'x' });
      await client.responses.retrieve(made.id);
      expect(only().transactionId).toBe(made.id);
    });

    it('I4: one that is streamed is metered by its stream, not by a read after it', async () => {
      const client = guard();
      await drain(await client.responses.create({ model: 'm', input: 'x', background: true, stream: true }));
      await client.responses.retrieve('resp_1');
      expect(recording.events).toHaveLength(1);
    });
  });

  it('Azure: deployment and API version make it Azure, whose first chunk is no usage chunk', async () => {
    const azure = {
      baseURL: `${stub.url}/openai`,
      apiVersion: '2024-10-21',
      deployment: 'prod-gpt-4o-mini',
      apiKey: 'k',
    };
    const client = new Azure(azure);
    instrumentOpenAI(client, recording.path, { injectUsage: true }, recording.runtime);
    const chunks = await drain(await client.chat.completions.create(STREAM));
    expect(chunks[0]).toMatchObject({ choices: [], prompt_filter_results: [{ prompt_index: 0 }] });
    expect(stub.requests[0]!.path).toBe('/openai/deployments/prod-gpt-4o-mini/chat/completions?api-version=2024-10-21');
    expect(only()).toMatchObject({ ...COUNTS, provider: 'Azure', modelSource: 'OPENAI', transactionId: 'chatcmpl-1' });
    expect(recording.decided[0]).toMatchObject({ model: 'gpt-4o-mini', provider: 'Azure' });
  });

  it('I2: a reader of ours that fails costs the counts, not the answer', async () => {
    const broken = {
      ...recording.path,
      admit: () => {
        throw new Error('ours');
      },
    };
    const client = instrumentOpenAI(
      new OpenAI({ apiKey: 'k', baseURL: `${stub.url}/v1` }),
      broken as never,
      {},
      recording.runtime,
    );
    expect((await client.chat.completions.create(CHAT)).choices).toHaveLength(1);
    expect(await client.chat.completions.stream(CHAT).finalContent()).toContain('done.');
    expect(recording.logged).toHaveLength(1);
  });

  it('a scope around the call names who it is for', async () => {
    const client = guard();
    await withUsageMetadata({ agent: 'scoped' }, () => client.chat.completions.create(CHAT));
    expect(only()).toMatchObject({ agent: 'scoped' });
  });
});
