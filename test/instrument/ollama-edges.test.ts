import { createRequire } from 'node:module';
import defaultClient05, { Ollama as Ollama05 } from 'ollama05';
import defaultClient06, { Ollama as Ollama06 } from 'ollama06';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentOllama, isOllamaClient } from '../../src/instrument/ollama.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';

const cjs06 = createRequire(import.meta.url)('ollama06') as { default: typeof defaultClient06 };
const MESSAGES = [{ role: 'user', content: 'Why is the sky blue?' }];

let server: StubOllama;
let recording: RecordingPath;

beforeEach(async () => {
  server = await startStubOllama();
  recording = createRecordingPath();
});

afterEach(async () => {
  await server.close();
});

function guarded(): Ollama06 {
  return instrumentOllama(new Ollama06({ host: server.url }), recording.path, recording.runtime);
}

/** A request with our extra field, which the client's own types do not know. */
function withMetadata<T extends object>(request: T): T {
  return { ...request, usageMetadata: { taskType: 'chat' } };
}

describe('an ollama client', () => {
  it('is recognised as an instance, as the default export and as a subclass, and nothing else is', () => {
    class Mine extends Ollama06 {}
    for (const client of [
      new Ollama05(),
      new Ollama06(),
      defaultClient05,
      defaultClient06,
      cjs06.default,
      new Mine(),
    ]) {
      expect(isOllamaClient(client)).toBe(true);
    }
    for (const other of [undefined, null, 1, {}, Ollama06, { chat: {} }]) expect(isOllamaClient(other)).toBe(false);
  });

  it('I1: the raw path under the methods is decided and metered as well', async () => {
    const client = guarded() as Ollama06 & {
      processStreamableRequest(endpoint: string, request: object): Promise<unknown>;
    };
    await client.processStreamableRequest('chat', withMetadata({ model: 'm', messages: MESSAGES }));
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ inputTokenCount: 11, outputTokenCount: 5, taskType: 'chat' });
    recording.refuse();
    const error = await client
      .processStreamableRequest('chat', { model: 'm', messages: MESSAGES })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(server.requests).toHaveLength(1);
  });

  it('managing models costs nothing: it passes a tripped budget and is not metered', async () => {
    const client = guarded();
    recording.refuse();
    expect(await client.list()).toEqual({ models: [] });
    await client.show({ model: 'm' });
    expect(recording.events).toEqual([]);
  });

  it('I1: an endpoint that no adapter knows passes and is flagged', async () => {
    const client = guarded();
    recording.refuse();
    const response = await client['fetch'](`${server.url}/api/brand_new`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', prompt: 'hello' }),
    });
    expect(await response.json()).toEqual({ status: 'success' });
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]!.attributes).toMatchObject({ endpoint: 'api.brand_new', unknownEndpoint: true });
  });

  it('System One is metered with the counts that it reports', async () => {
    await guarded().systemone({ model: 'm', state: 'a', questions: {} });
    expect(recording.events[0]).toMatchObject({ operationType: 'CLASSIFY', inputTokenCount: 6, outputTokenCount: 1 });
  });

  it('a subclass that rebuilds the request, has private fields or sets another fetch stays guarded', async () => {
    let own = 0;
    class Mine extends Ollama06 {
      readonly #prefix = 'm';
      // @ts-expect-error the client's own overloads cannot be overridden by one signature
      override chat(request: Parameters<Ollama06['chat']>[0]): unknown {
        const { messages } = request;
        return super.chat({ model: this.#prefix, messages, stream: true } as never);
      }
    }
    const client = instrumentOllama(
      new Mine({ host: server.url }),
      recording.path,
      recording.runtime,
    ) as unknown as Ollama06;
    const inner = globalThis.fetch;
    Reflect.set(client, 'fetch', (...args: Parameters<typeof fetch>) => {
      own += 1;
      return inner(...args);
    });
    await readAll(client.chat(withMetadata({ model: 'other', messages: MESSAGES, stream: true as const })));
    expect(own).toBe(1);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ taskType: 'chat', inputTokenCount: 11 });
    recording.refuse();
    await expect(client.chat({ model: 'm', messages: MESSAGES })).rejects.toBeInstanceOf(BudgetExceededError);
    expect(own).toBe(1);
  });

  it('I4: a fetch that goes around ours is metered all the same', async () => {
    const client = guarded();
    Object.defineProperty(client, 'fetch', { value: globalThis.fetch });
    await client.chat({ model: 'm', messages: MESSAGES });
    expect(recording.events).toHaveLength(1);
  });

  it('I2: a request that is no object fails as it does without us', async () => {
    const bad = undefined as unknown as Parameters<Ollama06['chat']>[0];
    const plain = await new Ollama06({ host: server.url }).chat(bad).catch((thrown: unknown) => thrown);
    const error = await guarded()
      .chat(bad)
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toBe(String(plain));
  });

  it('I2: a frozen client is left as it is, and the log says so', async () => {
    const client = instrumentOllama(
      Object.freeze(new Ollama06({ host: server.url })),
      recording.path,
      recording.runtime,
    );
    await client.chat({ model: 'm', messages: MESSAGES });
    expect(recording.logged.join()).toContain('frozen');
  });

  it('snake_case usage_metadata is taken too, and the caller’s object keeps it', async () => {
    const request = { model: 'm', prompt: 'Why?', usage_metadata: { task_type: 'snake' } };
    await guarded().generate(request);
    expect(recording.events[0]).toMatchObject({ taskType: 'snake' });
    expect(request.usage_metadata).toEqual({ task_type: 'snake' });
  });
});

async function readAll(stream: Promise<AsyncIterable<unknown>>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}
