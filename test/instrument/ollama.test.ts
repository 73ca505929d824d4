import { createRequire } from 'node:module';
import { Ollama as Ollama05 } from 'ollama05';
import { Ollama as Ollama06 } from 'ollama06';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentOllama } from '../../src/instrument/ollama.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';

const require = createRequire(import.meta.url);
const cjs06 = require('ollama06') as { Ollama: typeof Ollama06 };
const browser06 = (await import('ollama06/browser')) as unknown as { Ollama: typeof Ollama06 };

const CLASSES: readonly (readonly [string, typeof Ollama06])[] = [
  ['ollama 0.5 (ESM)', Ollama05 as unknown as typeof Ollama06],
  ['ollama 0.6 (ESM)', Ollama06],
  ['ollama 0.6 (CommonJS)', cjs06.Ollama],
  ['ollama 0.6 (browser entry)', browser06.Ollama],
];
const MESSAGES = [{ role: 'user', content: 'Why is the sky blue?' }];
const METADATA = { subscriber: { id: 'u-1' }, taskType: 'chat' };

let server: StubOllama;
let recording: RecordingPath;

beforeEach(async () => {
  server = await startStubOllama();
  recording = createRecordingPath();
});

afterEach(async () => {
  await server.close();
});

function guarded(Client: typeof Ollama06 = Ollama06): Ollama06 {
  return instrumentOllama(new Client({ host: server.url }), recording.path, recording.runtime);
}

/** A request with our extra field, which the client's own types do not know. */
function withMetadata<T extends object>(request: T): T {
  return { ...request, usageMetadata: METADATA };
}

describe.each(CLASSES)('%s', (_name, Client) => {
  const calls: readonly (readonly [string, string, (client: Ollama06) => Promise<unknown>])[] = [
    ['chat', '/api/chat', (client) => client.chat(withMetadata({ model: 'm', messages: MESSAGES }))],
    ['generate', '/api/generate', (client) => client.generate(withMetadata({ model: 'm', prompt: 'Why?' }))],
    ['embed', '/api/embed', (client) => client.embed(withMetadata({ model: 'm', input: 'Why?' }))],
    [
      'embeddings',
      '/api/embeddings',
      (client) => client.embeddings(withMetadata({ model: 'm', prompt: 'Why is it?' })),
    ],
    [
      'a chat stream',
      '/api/chat',
      (client) => readAll(client.chat(withMetadata({ model: 'm', messages: MESSAGES, stream: true as const }))),
    ],
    [
      'a generate stream',
      '/api/generate',
      (client) => readAll(client.generate(withMetadata({ model: 'm', prompt: 'Why?', stream: true as const }))),
    ],
  ];

  it.each(calls)(
    'I1: a refused %s rejects with BudgetExceededError itself and sends nothing',
    async (_call, _path, run) => {
      const client = guarded(Client);
      recording.refuse();
      const error = await run(client).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BudgetExceededError);
      expect(server.requests).toEqual([]);
      expect(recording.events).toEqual([]);
      expect(recording.refusals).toBe(1);
    },
  );

  it.each(calls)(
    'I3: %s gives what the unguarded client gives, and the metadata never leaves',
    async (_call, path, run) => {
      const plain = await run(new Client({ host: server.url }) as Ollama06).catch((thrown: unknown) => thrown);
      expect(String(plain)).toContain('unknown field');
      const bare = await startStubOllama();
      try {
        const unguarded = new Client({ host: bare.url }) as Ollama06;
        const expected = await run(stripping(unguarded));
        const actual = await run(guarded(Client));
        expect(actual).toEqual(expected);
        expect(server.requests.at(-1)!.path).toBe(path);
        expect(server.requests.at(-1)!.body).toEqual(bare.requests.at(-1)!.body);
      } finally {
        await bare.close();
      }
    },
  );

  it.each(calls)('I4: %s is metered once, under the id that the answer names', async (call, path, run) => {
    const result = (await run(guarded(Client))) as object;
    expect(recording.events).toHaveLength(1);
    const event = recording.events[0]!;
    expect(event).toMatchObject({
      provider: 'OLLAMA',
      modelSource: 'OLLAMA',
      model: 'm',
      operationType: path === '/api/chat' ? 'CHAT' : path === '/api/generate' ? 'GENERATE' : 'EMBED',
      isStreamed: call.includes('stream'),
      stopReason: 'END',
      taskType: 'chat',
      subscriber: { id: 'u-1' },
    });
    for (const answer of Array.isArray(result) ? result : [result]) {
      expect(Reflect.get(answer, '_revenium_transaction_id')).toBe(event.transactionId);
      expect(Object.keys(answer)).not.toContain('_revenium_transaction_id');
    }
    expect(recording.open.size).toBe(0);
    expect(recording.timers()).toBe(0);
  });

  it('I5: counts are those of the last chunk; embeddings, which come without any, are estimated', async () => {
    const client = guarded(Client);
    await client.chat({ model: 'm', messages: MESSAGES });
    await readAll(client.generate({ model: 'm', prompt: 'Why?', stream: true }));
    await client.embed({ model: 'm', input: 'Why?' });
    await client.embeddings({ model: 'm', prompt: 'twelve chars' });
    const counts = recording.events.map((event) => [
      event.inputTokenCount,
      event.outputTokenCount,
      event.attributes?.['usageState'],
    ]);
    expect(counts).toEqual([
      [11, 5, 'reported'],
      [11, 5, 'reported'],
      [4, 0, 'reported'],
      [3, 0, 'estimated'],
    ]);
  });

  it('I4: a stream that the caller breaks is metered as cancelled, with an estimate', async () => {
    const stream = await guarded(Client).chat({ model: 'thinks', messages: MESSAGES, stream: true });
    for await (const chunk of stream) {
      if (chunk.message.content !== '') break;
    }
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ stopReason: 'CANCELLED', inputTokenCount: 5 });
    expect(recording.events[0]!.outputTokenCount).toBe(Math.ceil('Hmm, light scatters. The '.length / 4));
    expect(recording.events[0]!.attributes).toMatchObject({ usageState: 'estimated', end: 'cancelled' });
  });

  it('I3: abort() ends the stream with the client’s own error and closes the connection; I4: it is metered once', async () => {
    const stream = await guarded(Client).chat({ model: 'held', messages: MESSAGES, stream: true });
    const seen: string[] = [];
    const error = await (async () => {
      for await (const chunk of stream) {
        seen.push(chunk.message.content);
        stream.abort();
      }
    })().catch((thrown: unknown) => thrown);
    expect((error as Error).name).toBe('AbortError');
    expect(seen).toEqual(['The ']);
    await server.requests[0]!.aborted;
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]!.stopReason).toBe('CANCELLED');
  });

  it('I4: the client-wide abort() settles every stream under way, read or not', async () => {
    const client = guarded(Client);
    await client.chat({ model: 'held', messages: MESSAGES, stream: true });
    await client.generate({ model: 'held', prompt: 'Why?', stream: true });
    client.abort();
    expect(recording.events.map((event) => event.stopReason)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  it('I4: a stream that nobody reads is metered as abandoned after 60 s', async () => {
    await guarded(Client).chat({ model: 'm', messages: MESSAGES, stream: true });
    recording.advance(59_999);
    expect(recording.events).toEqual([]);
    recording.advance(1);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]!.attributes).toMatchObject({ end: 'abandoned', usageState: 'estimated' });
  });

  it('I3: an error inside the stream under HTTP 200 reaches the caller as it is; I4: it is metered as an error', async () => {
    const error = await readAll(guarded(Client).chat({ model: 'fails', messages: MESSAGES, stream: true })).catch(
      (thrown: unknown) => thrown,
    );
    expect((error as Error).message).toBe('the model ran out of memory');
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ stopReason: 'ERROR', errorReason: 'the model ran out of memory' });
    expect(recording.events[0]!.attributes).toMatchObject({ usageState: 'estimated' });
  });

  it.each([
    ['cut', 'ERROR'],
    ['quiet', 'ERROR'],
  ])('I4: a stream that ends early (%s) fails as without us and is metered once', async (model, stopReason) => {
    const request = { model, messages: MESSAGES, stream: true as const };
    const plain = await readAll(new Client({ host: server.url }).chat(request)).catch((thrown: unknown) => thrown);
    const error = await readAll(guarded(Client).chat(request)).catch((thrown: unknown) => thrown);
    expect(String(error)).toBe(String(plain));
    expect(recording.events.map((event) => event.stopReason)).toEqual([stopReason]);
  });

  it('I3: an error status reaches the caller as the client’s own error; I4: it is metered with the status, as free', async () => {
    const error = await guarded(Client)
      .chat({ model: 'missing', messages: MESSAGES })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 404, error: "model 'missing' not found" });
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({
      stopReason: 'ERROR',
      errorCode: 404,
      errorReason: "model 'missing' not found",
      totalTokenCount: 0,
    });
  });

  it('I4: a provider that cannot be reached is one failed event of unknown usage', async () => {
    const client = instrumentOllama(new Client({ host: 'http://127.0.0.1:9' }), recording.path, recording.runtime);
    const error = await client.chat({ model: 'm', messages: MESSAGES }).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toBe('fetch failed');
    expect(recording.events.map((event) => event.attributes?.['usageState'])).toEqual(['unknown']);
  });

  it('I4: an answer that is no JSON is metered once', async () => {
    const error = await guarded(Client)
      .chat({ model: 'broken', messages: MESSAGES })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SyntaxError);
    expect(recording.events.map((event) => event.stopReason)).toEqual(['ERROR']);
  });

  it('I3: the stream stays the client’s own class, and the caller’s request is changed as the client changes it', async () => {
    const plainStream = await new Client({ host: server.url }).chat({ model: 'm', messages: MESSAGES, stream: true });
    const stream = await guarded(Client).chat({ model: 'm', messages: MESSAGES, stream: true });
    expect(stream).toBeInstanceOf(plainStream.constructor);
    expect(Object.keys(stream)).toEqual(Object.keys(plainStream));
    const requests = [0, 1].map(() => ({
      model: 'm',
      messages: [{ role: 'user', content: 'Look', images: [new Uint8Array([1, 2])] }],
    }));
    await new Client({ host: server.url }).chat(requests[0]!);
    await guarded(Client).chat(requests[1]!);
    expect(requests[1]).toEqual(requests[0]);
    const prompts = [0, 1].map(() => ({ model: 'm', prompt: 'Look', images: [new Uint8Array([1, 2])] }));
    await new Client({ host: server.url }).generate(prompts[0]!);
    await guarded(Client).generate(prompts[1]!);
    expect(prompts[1]).toEqual(prompts[0]);
  });

  it('concurrent calls keep their own metadata, also where encoding an image delays one of them', async () => {
    const client = guarded(Client);
    const image = new Uint8Array(200_000);
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        client.chat({
          model: `m${i}`,
          messages: [{ role: 'user', content: 'x', ...(i % 2 === 0 ? { images: [image] } : {}) }],
          ...({ usageMetadata: { taskType: `task-${i}` } } as object),
        }),
      ),
    );
    const pairs = recording.events.map((event) => [event.model, event.taskType]);
    expect(pairs.sort()).toEqual(Array.from({ length: 20 }, (_, i) => [`m${i}`, `task-${i}`]).sort());
    expect(server.requests).toHaveLength(20);
  });

  it('wrapping twice is harmless: one decision, one event', async () => {
    const client = guarded(Client);
    const again = createRecordingPath();
    expect(instrumentOllama(client, again.path, again.runtime)).toBe(client);
    await client.chat({ model: 'm', messages: MESSAGES });
    expect(recording.decided).toHaveLength(1);
    expect(recording.events).toHaveLength(1);
    expect(again.events).toEqual([]);
  });
});

async function readAll(stream: Promise<AsyncIterable<unknown>>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

/** The bare client, for a request that carries our field. */
function stripping(client: Ollama06): Ollama06 {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return ({ usageMetadata: _, ...request }: { usageMetadata?: unknown }) => value.call(target, request);
    },
  });
}
