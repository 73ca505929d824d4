/** What is not the usual way with fal's client: realtime, versions that hide how they send, bounds, other instances. */
import { createFalClient, type FalClient, fal } from '@fal-ai/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentFal } from '../../src/instrument/fal.js';
import { guardRealtime } from '../../src/instrument/fal-realtime.js';
import { createGuardedFetch } from '../../src/instrument/guarded-fetch.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { falId, type StubFal, startStubFal } from '../helpers/stub-fal.js';

const FLUX = 'fal-ai/flux/dev';
const OPTIONS = { input: { prompt: 'a cat', num_images: 2 }, usageMetadata: { agent: 'painter' } } as never;

let stub: StubFal;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubFal();
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.reset();
  recording = createRecordingPath();
});

const config = (more: object = {}) => ({ credentials: 'k', fetch: stub.fetch, retry: { maxRetries: 0 }, ...more });
const guarded = (client: FalClient) => instrumentFal(client, recording.path, recording.runtime);
const only = () => {
  expect(recording.events).toHaveLength(1);
  expect(recording.open.size).toBe(0);
  return recording.events[0]!;
};

describe('realtime connections', () => {
  class Realtime {
    sent: unknown[] = [];
    closed = 0;
    handler: { onResult?(result: unknown): void } = {};
    #close(): void {
      this.closed += 1;
    }
    connect(_app: string, handler: Realtime['handler']) {
      this.handler = handler;
      return { send: (input: unknown) => void this.sent.push(input), close: () => this.#close() };
    }
  }

  it('I1: pass and are flagged, once from the first message to the close, with the images that came', () => {
    const realtime = new Realtime();
    guardRealtime(realtime, recording.path);
    const results: unknown[] = [];
    recording.refuse();
    const handler = { onResult: (result: unknown) => void results.push(result), usageMetadata: { agent: 'live' } };
    const connection = realtime.connect('fal-ai/fast-lcm-diffusion', handler);
    expect(realtime.handler).not.toHaveProperty('usageMetadata');
    expect(recording.open.size).toBe(0);
    connection.send({ prompt: 'a' });
    connection.send({ prompt: 'b' });
    expect(realtime.sent).toEqual([{ prompt: 'a' }, { prompt: 'b' }]);
    const result = { images: [{ url: 'a' }] };
    realtime.handler.onResult?.(result);
    realtime.handler.onResult?.(result);
    expect(results).toEqual([result, result]);
    connection.close();
    connection.close();
    expect(realtime.closed).toBe(2);
    expect(only()).toMatchObject({
      model: 'fal-ai/fast-lcm-diffusion',
      agent: 'live',
      actualImageCount: 2,
      attributes: { unknownEndpoint: true, endpoint: 'realtime', results: 2, usageState: 'reported' },
    });
    expect(recording.decided).toEqual([]);
  });

  it('I5: of which nothing came are unknown, and one that nobody closes is metered when its instance is', () => {
    const realtime = new Realtime();
    guardRealtime(realtime, recording.path);
    const connection = realtime.connect('acme/thing', {});
    connection.send({});
    connection.close();
    expect(only().attributes).toMatchObject({ usageState: 'unknown' });
    connection.send({});
    for (const attempt of [...recording.open]) attempt.settle('abandoned');
    expect(recording.events).toHaveLength(2);
  });

  it('I3: nothing is sent, nothing is metered while a connection of the real client is only made', () => {
    const client = guarded(createFalClient(config()));
    const connection = client.realtime.connect('fal-ai/fast-lcm-diffusion', { onResult: () => undefined });
    connection.close();
    expect(recording.events).toEqual([]);
    expect(stub.requests).toEqual([]);
  });
});

describe('a version that hides how it sends', () => {
  /** A client of another make, with the same methods. */
  function hidden() {
    const inner = createFalClient(config());
    const client = {
      run: inner.run,
      subscribe: async (id: string, options: never) => {
        const { request_id: requestId } = await client.queue.submit(id, options);
        return client.queue.result(id, { requestId } as never);
      },
      stream: async () => ({}),
      queue: { submit: inner.queue.submit, result: inner.queue.result },
      streaming: { stream: async () => ({}) },
      realtime: {},
      storage: { upload: async () => '' },
    };
    return client as unknown as FalClient;
  }

  it('is decided in its methods and metered from what they return, and the log says so once', async () => {
    const client = guarded(hidden());
    expect((await client.run(FLUX, OPTIONS)).data).toEqual(stub.answer);
    expect(only()).toMatchObject({
      transactionId: falId(1),
      agent: 'painter',
      actualImageCount: 1,
      requestedImageCount: 2,
    });
    expect(JSON.parse(stub.requests[0]!.text)).not.toHaveProperty('usageMetadata');
    await client.subscribe(FLUX, OPTIONS);
    expect(recording.events).toHaveLength(2);
    expect(recording.events[1]).toMatchObject({ transactionId: falId(2), agent: 'painter', actualImageCount: 1 });
    expect(recording.decided).toHaveLength(2);
    expect(recording.logged).toEqual([expect.stringContaining('hides how it sends')]);
    recording.refuse();
    for (const task of [() => client.run(FLUX, OPTIONS), () => client.subscribe(FLUX, OPTIONS)]) {
      await expect(task()).rejects.toBeInstanceOf(BudgetExceededError);
    }
    expect(stub.requests.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });
});

describe('beside other layers and instances', () => {
  it('I11: two instances guard two clients and keep their own books', async () => {
    const other = createRecordingPath();
    const [one, two] = [createFalClient(config()), createFalClient(config())];
    guarded(one);
    instrumentFal(two, other.path, other.runtime);
    other.refuse();
    await one.run(FLUX, OPTIONS);
    await expect(two.run(FLUX, OPTIONS)).rejects.toBeInstanceOf(BudgetExceededError);
    expect(only()).toMatchObject({ agent: 'painter' });
    expect(other.events).toEqual([]);
  });

  it('a client that was given a guarded fetch is decided and metered once', async () => {
    const { path, runtime } = recording;
    const fetch = createGuardedFetch(stub.fetch as never, { path, runtime, recognised: () => undefined }, {});
    await guarded(createFalClient(config({ fetch }))).subscribe(FLUX, OPTIONS);
    expect(recording.decided).toHaveLength(1);
    only();
  });

  it('a client that is not guarded, with a guarded fetch, throws the refusal as it is, unretried', async () => {
    recording.refuse();
    const { path, runtime } = recording;
    const fetch = createGuardedFetch(stub.fetch as never, { path, runtime, recognised: () => undefined }, {});
    const client = createFalClient({ credentials: 'k', fetch: fetch as never });
    await expect(client.run(FLUX, { input: { prompt: 'a' } })).rejects.toBeInstanceOf(BudgetExceededError);
    expect(recording.refusals).toBe(1);
    expect(stub.requests).toEqual([]);
  });

  it('the singleton stays guarded through fal.config(), whose parts are new each time', async () => {
    fal.config(config());
    guarded(fal as unknown as FalClient);
    await fal.run(FLUX, OPTIONS);
    fal.config(config());
    await fal.queue.submit(FLUX, OPTIONS);
    await fal.queue.result(FLUX, { requestId: falId(2) });
    await fal.subscribe(FLUX, OPTIONS);
    expect(recording.events.map(({ transactionId }) => transactionId)).toEqual([falId(1), falId(2), falId(3)]);
    expect(recording.decided).toHaveLength(3);
    recording.refuse();
    await expect(fal.queue.submit(FLUX, OPTIONS)).rejects.toBeInstanceOf(BudgetExceededError);
    await expect(fal.stream(FLUX, OPTIONS)).rejects.toBeInstanceOf(BudgetExceededError);
  });

  it('I10: of very many queued requests the oldest is metered as an estimate', async () => {
    const client = guarded(createFalClient(config({ fetch: (async () => queued()) as never })));
    let count = 0;
    const queued = () => {
      count += 1;
      return Response.json({ status: 'IN_QUEUE', request_id: falId(count) });
    };
    for (let at = 0; at < 10_001; at += 1) await client.queue.submit(FLUX, { input: { prompt: 'a' } });
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ transactionId: falId(1), attributes: { usageState: 'estimated' } });
    expect(recording.timers()).toBe(10_000);
  });

  it('I2: what the client throws for a wrong id passes unchanged, and a frozen client is left alone', async () => {
    await expect(guarded(createFalClient(config())).run('nonsense', OPTIONS)).rejects.toThrow('Invalid app id');
    expect(recording.events).toEqual([]);
    expect(recording.open.size).toBe(0);
    const frozen = Object.freeze(createFalClient(config()));
    expect(guarded(frozen)).toBe(frozen);
    expect(recording.logged.at(-1)).toContain('frozen');
  });
});
