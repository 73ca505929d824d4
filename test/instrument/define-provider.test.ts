import { setImmediate as tick } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { FusewireError } from '../../src/errors.js';
import { defineProvider, type ProviderDefinition } from '../../src/instrument/define-provider.js';
import type { RequestReading } from '../../src/providers/adapter.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';

interface Request {
  readonly model: string;
  readonly prompt: string;
  readonly usageMetadata?: object;
}
const ANSWER = { id: 'r-1', text: 'blue', usage: { in: 7, out: 2 } };

/** A stream object with a method of its own, as clients have. */
class AcmeStream implements AsyncIterable<object> {
  cancelled = false;
  readonly #chunks: readonly object[];
  readonly #error: Error | undefined;
  constructor(chunks: readonly object[], error?: Error) {
    this.#chunks = chunks;
    this.#error = error;
  }
  cancel(): void {
    this.cancelled = true;
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<object> {
    yield* this.#chunks;
    if (this.#error !== undefined) throw this.#error;
  }
}

/** A promise class with a method of its own, that starts its work when it is first awaited. */
class LazyPromise extends Promise<object> {
  static started = 0;
  static override get [Symbol.species]() {
    return Promise;
  }
  raw(): string {
    return 'raw';
  }
  // biome-ignore lint/suspicious/noThenProperty: this is what lazy clients do
  override then<A, B>(...handlers: Parameters<Promise<object>['then']>): Promise<A | B> {
    LazyPromise.started += 1;
    return super.then(...handlers) as Promise<A | B>;
  }
}

class Acme {
  readonly #secret = 'private';
  readonly seen: unknown[][] = [];
  readonly chat = {
    complete: async (...args: [Request, ...unknown[]]) => this.#answer(args),
    stream: (...args: [Request]) => {
      this.#answer(args);
      return new AcmeStream([{ text: 'bl' }, { text: 'ue' }, { usage: ANSWER.usage }]);
    },
    broken: (...args: [Request]) => {
      this.#answer(args);
      return new AcmeStream([{ text: 'bl' }], new Error('provider broke'));
    },
    lazy: (...args: [Request]) => {
      this.#answer(args);
      return new LazyPromise((resolve) => resolve({ ...ANSWER }));
    },
    async *generate(this: unknown, _request: Request) {
      yield { text: 'bl' };
      yield { usage: ANSWER.usage };
    },
    plain: (...args: [Request]) => this.#answer(args),
    fails: async (..._args: [Request]): Promise<object> => {
      throw new Error('provider said no');
    },
    free: async (...args: [Request]) => this.#answer(args),
  };
  #answer(args: unknown[]): object {
    this.seen.push(args);
    expect(this.#secret).toBe('private');
    return { ...ANSWER };
  }
}

const METHODS = ['complete', 'stream', 'broken', 'lazy', 'generate', 'plain', 'fails', 'free'];
const THROWING = ['chat.stream', 'chat.broken', 'chat.generate', 'chat.plain'];

function definition(changes: Partial<ProviderDefinition> = {}): ProviderDefinition {
  return {
    name: 'acme',
    matches: (client) => client instanceof Acme,
    methods: METHODS.map((name) => `chat.${name}`),
    throwing: THROWING,
    readRequest(method, args) {
      if (method === 'chat.free') return undefined;
      const { model, prompt } = args[0] as Request;
      return { model, prompt };
    },
    createUsageReader() {
      let text = '';
      let usage: { in: number; out: number } | undefined;
      const read = (data: unknown) => {
        const part = data as { text?: string; usage?: { in: number; out: number } };
        text += part.text ?? '';
        usage = part.usage ?? usage;
      };
      return {
        whole: read,
        chunk: read,
        reading: () => ({ outputText: text, ...(usage ? { inputTokens: usage.in, outputTokens: usage.out } : {}) }),
      };
    },
    ...changes,
  };
}

const fail = (): never => {
  throw new Error('adapter bug');
};

let recording: RecordingPath;
beforeEach(() => {
  recording = createRecordingPath();
});

function guarded(changes: Partial<ProviderDefinition> = {}): Acme {
  const client = new Acme();
  defineProvider(definition(changes)).instrument(client, recording.path, recording.runtime);
  return client;
}

const REQUEST: Request = { model: 'acme-1', prompt: 'Why?', usageMetadata: { taskType: 'outside' } };

describe('a provider from outside', () => {
  it('I4: a call is metered once, with what its reader says, and its metadata does not leave', async () => {
    const client = guarded();
    expect(await client.chat.complete(REQUEST, 'second')).toEqual(ANSWER);
    expect(client.seen).toEqual([[{ model: 'acme-1', prompt: 'Why?' }, 'second']]);
    expect(REQUEST.usageMetadata).toBeDefined();
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({
      provider: 'ACME',
      modelSource: 'ACME',
      model: 'acme-1',
      operationType: 'CHAT',
      inputTokenCount: 7,
      outputTokenCount: 2,
      taskType: 'outside',
      isStreamed: false,
    });
    expect(recording.decided[0]).toMatchObject({ model: 'acme-1', provider: 'ACME', taskType: 'outside' });
  });

  it('arguments without metadata arrive as the very objects that were given', async () => {
    const client = guarded();
    const request = { model: 'acme-1', prompt: 'Why?' };
    await client.chat.complete(request);
    expect(client.seen[0]![0]).toBe(request);
  });

  it.each(METHODS.filter((name) => name !== 'free'))(
    'I1: a refused %s makes no call and is not metered',
    async (name) => {
      const client = guarded();
      recording.refuse();
      const call = () => client.chat[name as 'complete'](REQUEST);
      const error = THROWING.includes(`chat.${name}`)
        ? thrownBy(call)
        : await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BudgetExceededError);
      expect(client.seen).toEqual([]);
      expect(recording.events).toEqual([]);
    },
  );

  it('I3: a stream stays the same kind of object with its own methods; I4: it is metered at its end', async () => {
    const stream = guarded().chat.stream(REQUEST);
    expect(stream).toBeInstanceOf(AcmeStream);
    stream.cancel();
    expect(stream.cancelled).toBe(true);
    expect(recording.events).toEqual([]);
    const chunks: object[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks).toEqual([{ text: 'bl' }, { text: 'ue' }, { usage: ANSWER.usage }]);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ isStreamed: true, inputTokenCount: 7, stopReason: 'END' });
    expect(Reflect.get(chunks[0]!, '_revenium_transaction_id')).toBe(recording.events[0]!.transactionId);
  });

  it('I3: a generator object stays itself and can be read by next(); I4: metered once', async () => {
    const generator = guarded().chat.generate(REQUEST);
    expect(generator[Symbol.asyncIterator]()).toBe(generator);
    expect(await generator.next()).toEqual({ done: false, value: { text: 'bl' } });
    for await (const chunk of generator) expect(chunk).toEqual({ usage: ANSWER.usage });
    expect(recording.events.map((event) => event.inputTokenCount)).toEqual([7]);
  });

  it('I4: a stream that is left is metered as cancelled with an estimate', async () => {
    for await (const _ of guarded().chat.stream(REQUEST)) break;
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ stopReason: 'CANCELLED', inputTokenCount: 1, outputTokenCount: 1 });
    expect(recording.events[0]!.attributes).toMatchObject({ usageState: 'estimated' });
  });

  it('I4: a stream that fails is metered once, and the provider’s own error passes', async () => {
    const read = async () => {
      for await (const _ of guarded().chat.broken(REQUEST));
    };
    await expect(read()).rejects.toThrow('provider broke');
    expect(recording.events.map((event) => event.errorReason)).toEqual(['provider broke']);
  });

  it('I4: a stream that nobody reads is metered as abandoned after 60 s', () => {
    guarded().chat.stream(REQUEST);
    recording.advance(60_000);
    expect(recording.events[0]!.attributes).toMatchObject({ end: 'abandoned' });
  });

  it('I3: a promise of its own class stays the very object, and lazy', async () => {
    LazyPromise.started = 0;
    const promise = guarded().chat.lazy(REQUEST);
    expect(promise).toBeInstanceOf(LazyPromise);
    expect(promise.raw()).toBe('raw');
    expect(LazyPromise.started).toBe(0);
    expect(await promise).toEqual(ANSWER);
    expect(await promise.finally(() => undefined)).toEqual(ANSWER);
    expect(recording.events).toHaveLength(1);
  });

  it('a plain value is metered at once', () => {
    expect(guarded().chat.plain(REQUEST)).toEqual(ANSWER);
    expect(recording.events).toHaveLength(1);
  });

  it('I4: a failed call is metered, and a rejection that nobody handles is still reported', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => void unhandled.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', listener);
    try {
      void guarded().chat.fails(REQUEST);
      await tick();
      await tick();
    } finally {
      process.off('unhandledRejection', listener);
      for (const other of others) process.on('unhandledRejection', other);
    }
    expect(unhandled.map(String)).toEqual(['Error: provider said no']);
    expect(recording.events.map((event) => event.stopReason)).toEqual(['ERROR']);
  });

  it('what readRequest does not read passes, neither decided nor metered, without the metadata', async () => {
    const client = guarded();
    recording.refuse();
    expect(await client.chat.free(REQUEST)).toEqual(ANSWER);
    expect(client.seen).toEqual([[{ model: 'acme-1', prompt: 'Why?' }]]);
    expect(recording.events).toEqual([]);
  });

  it('twice is harmless', async () => {
    const client = guarded();
    defineProvider(definition()).instrument(client, recording.path, recording.runtime);
    await client.chat.complete(REQUEST);
    expect(recording.events).toHaveLength(1);
  });

  it('what it says of media, cost, tiers and itself goes into the event', async () => {
    const client = guarded({
      readRequest: () => ({
        model: 'acme-paint',
        operationType: 'IMAGE',
        operationSubtype: 'generation',
        media: { requestedImageCount: 2, billingUnit: 'PER_IMAGE' },
        pricingTier: 'BATCH',
        requestedServiceTier: 'flex',
        hasVisionContent: true,
        attributes: { colour: 'blue' },
      }),
      createUsageReader: () => ({
        reading: () => ({ media: { actualImageCount: 2 }, totalCostUsd: 0.04, attributes: { steps: 20 } }),
      }),
    });
    await client.chat.complete(REQUEST);
    expect(recording.events[0]).toMatchObject({
      operationType: 'IMAGE',
      requestedImageCount: 2,
      actualImageCount: 2,
      totalCost: 0.04,
      pricingTier: 'BATCH',
      requestedServiceTier: 'flex',
      hasVisionContent: true,
      attributes: { colour: 'blue', steps: 20, usageState: 'reported' },
    });
  });

  it.each<[string, () => object]>([
    ['nothing', () => ({})],
    ['counts that are none', () => ({ inputTokens: Number.NaN, outputTokens: -1, totalTokens: '7', totalCostUsd: -1 })],
    ['an empty text', () => ({ outputText: '' })],
    ['a text that is none', () => ({ outputText: 7 })],
  ])('I5: an answer of which the reader tells %s passes untouched and is unknown', async (_name, reading) => {
    const client = guarded({ createUsageReader: () => ({ reading }) });
    expect(await client.chat.complete(REQUEST)).toEqual(ANSWER);
    for await (const _ of client.chat.stream(REQUEST));
    for (const event of recording.events) {
      expect(event.attributes).toMatchObject({ usageState: 'unknown', end: 'completed' });
      expect(event).not.toHaveProperty('totalCost');
      expect([event.inputTokenCount, event.outputTokenCount].every(Number.isSafeInteger)).toBe(true);
    }
    expect(recording.events).toHaveLength(2);
  });

  it('prompts are told to capture, and none where its function fails', () => {
    const readings: RequestReading[] = [];
    const prompts = { systemPrompt: 'Be brief.', inputMessages: ['Why?'] };
    for (const give of [() => prompts, () => fail()]) {
      const client = guarded({
        readRequest: () => ({ prompts: give }),
        createUsageReader: (request) => {
          readings.push(request);
          return { reading: () => ({}) };
        },
      });
      client.chat.plain(REQUEST);
    }
    expect(readings.map((reading) => reading.prompts?.())).toEqual([prompts, {}]);
  });

  it('its token convention travels with the event', async () => {
    const tokenConvention = { cacheRead: 'outside', cacheWrite: 'outside', reasoning: 'inside' } as const;
    await guarded({ tokenConvention }).chat.complete(REQUEST);
    expect(recording.events[0]!.attributes).toMatchObject({ cacheInside: false, reasoningInside: true });
  });
});

describe('I2: a definition that fails never reaches the caller', () => {
  it.each<[string, Partial<ProviderDefinition>, number]>([
    ['readRequest', { readRequest: fail }, 0],
    ['createUsageReader', { createUsageReader: fail }, 1],
    ['a reader', { createUsageReader: () => ({ whole: fail, chunk: fail, reading: fail }) }, 1],
    ['the prompt', { readRequest: () => ({ prompt: fail }) }, 1],
  ])('%s that throws', async (_name, changes, events) => {
    const client = guarded(changes);
    expect(await client.chat.complete(REQUEST)).toEqual(ANSWER);
    for await (const _ of client.chat.stream(REQUEST));
    expect(recording.events).toHaveLength(events * 2);
    expect(recording.logged.length).toBeLessThanOrEqual(1);
    expect(recording.open.size).toBe(0);
  });

  it('matches that throws is no match', () => {
    expect(defineProvider(definition({ matches: fail })).matches(new Acme())).toBe(false);
    expect(defineProvider(definition()).matches(null)).toBe(false);
    expect(defineProvider(definition()).matches(new Acme())).toBe(true);
  });

  it('a method that the client does not have, or a frozen client, is logged', async () => {
    const client = guarded({ methods: ['chat.complete', 'chat.gone', 'gone.too'], throwing: [] });
    await client.chat.complete(REQUEST);
    expect(recording.events).toHaveLength(1);
    expect(recording.logged.filter((line) => line.includes('no method'))).toHaveLength(2);
    defineProvider(definition()).instrument(Object.freeze(new Acme()), recording.path, recording.runtime);
    expect(recording.logged.at(-1)).toContain('frozen');
  });
});

describe('defineProvider', () => {
  it('names every problem of a definition in one error', () => {
    const wrong = {
      name: ' ',
      methods: ['a..b', 'x', 'x'],
      throwing: ['y'],
      matches: 1,
      tokenConvention: {},
      method: [],
    };
    const error = thrownBy(() => defineProvider(wrong as unknown as ProviderDefinition)) as FusewireError;
    expect(error).toBeInstanceOf(FusewireError);
    expect(error.code).toBe('INVALID_PROVIDER');
    expect(error.problems).toEqual([
      'name must be a text',
      'matches must be a function',
      'readRequest must be a function',
      'createUsageReader must be a function',
      'methods: "a..b" is not a path such as \'chat.complete\'',
      "methods: 'x' is named twice",
      'throwing: "y" is not one of methods',
      "tokenConvention.cacheRead must be 'inside' or 'outside'",
      "tokenConvention.cacheWrite must be 'inside' or 'outside'",
      "tokenConvention.reasoning must be 'inside' or 'outside'",
      'method is not a field of a provider definition',
    ]);
    expect((thrownBy(() => defineProvider(null as never)) as FusewireError).problems).toHaveLength(1);
  });
});

function thrownBy(task: () => unknown): unknown {
  try {
    task();
  } catch (error) {
    return error;
  }
  return undefined;
}
