import { createFalClient, type FalClient } from '@fal-ai/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentFal } from '../../src/instrument/fal.js';
import { isFalClient } from '../../src/instrument/fal-client.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { falId, paid, type StubFal, startStubFal } from '../helpers/stub-fal.js';

const FLUX = 'fal-ai/flux/dev';
const OPTIONS = { input: { prompt: 'a cat', num_images: 2 }, usageMetadata: { agent: 'painter' } };

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

function guarded(config: object = {}): FalClient {
  const client = createFalClient({ credentials: 'k', fetch: stub.fetch, retry: { maxRetries: 0 }, ...config });
  return instrumentFal(client, recording.path, recording.runtime);
}

const only = () => {
  expect(recording.events).toHaveLength(1);
  expect(recording.open.size).toBe(0);
  return recording.events[0]!;
};
const idOf = (answer: unknown) => Reflect.get(Object(answer), '_revenium_transaction_id');

async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Every way in which a caller can reach a model. */
const PATHS: Record<string, (client: FalClient) => unknown> = {
  run: (client) => client.run(FLUX, OPTIONS),
  'run with GET': (client) => client.run(FLUX, { ...OPTIONS, method: 'get' }),
  'run without options': (client) => (client.run as (id: string) => unknown)(FLUX),
  'run with a file': (client) => client.run(FLUX, { input: { image_url: new Blob(['png']) } as never }),
  subscribe: (client) => client.subscribe(FLUX, { ...OPTIONS, pollInterval: 1 }),
  'subscribe with a file': (client) => client.subscribe(FLUX, { input: { image_url: new Blob(['png']) } as never }),
  'queue.submit': (client) => client.queue.submit(FLUX, OPTIONS),
  stream: (client) => client.stream(FLUX, OPTIONS),
  'streaming.stream': (client) => client.streaming.stream(FLUX, OPTIONS),
  'a method taken from the client': ({ run }) => run(FLUX, OPTIONS),
};

describe('I1: refused means not sent', () => {
  beforeEach(() => recording.refuse());

  it.each(Object.keys(PATHS))('%s sends nothing, uploads nothing, and throws the error itself', async (name) => {
    const client = guarded();
    const error = await errorOf(() => PATHS[name]!(client));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(error).toMatchObject({ code: 'COST_LIMIT_EXCEEDED', ruleName: 'daily' });
    expect(stub.requests).toEqual([]);
    expect(recording.events).toEqual([]);
    expect(recording.refusals).toBe(1);
    expect(recording.open.size).toBe(0);
  });

  it('a method that was taken before the client was guarded is decided in fetch', async () => {
    const client = createFalClient({ credentials: 'k', fetch: stub.fetch });
    const { run } = client;
    const { submit } = client.queue;
    instrumentFal(client, recording.path, recording.runtime);
    await new Promise((go) => setImmediate(go));
    for (const task of [() => run(FLUX, OPTIONS), () => submit(FLUX, OPTIONS)]) {
      expect(await errorOf(task)).toBeInstanceOf(BudgetExceededError);
    }
    expect(stub.requests).toEqual([]);
    recording.allow();
    await run(FLUX, { input: { ...OPTIONS.input, usageMetadata: { agent: 'painter' } } as never });
    expect(only()).toMatchObject({ agent: 'painter', requestedImageCount: 2 });
    expect(stub.requests[0]!.text).not.toContain('usageMetadata');
  });

  it('a retry of the client is decided on its own, and its refusal is thrown as it is', async () => {
    recording.allow();
    const client = guarded({
      fetch: async (...request: Parameters<typeof fetch>) => {
        const answer = await stub.fetch(...request);
        recording.refuse();
        return answer;
      },
    });
    stub.faults.push({ status: 503 });
    expect(await errorOf(() => client.run(FLUX, OPTIONS))).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events.map(({ errorCode }) => errorCode)).toEqual([503]);
  });

  it('a retry of a stream is too: its error is the refusal, not one of status 500', async () => {
    recording.allow();
    const client = guarded({
      retry: { maxRetries: 1, baseDelay: 1 },
      fetch: async () => {
        recording.refuse();
        throw new TypeError('fetch failed');
      },
    });
    const stream = await client.stream(FLUX, OPTIONS);
    expect(await errorOf(() => stream.done())).toBeInstanceOf(BudgetExceededError);
    expect(recording.decided).toHaveLength(2);
    expect(recording.events).toHaveLength(1);
  });

  it('what costs nothing passes: status, results, cancelling, uploads', async () => {
    const client = guarded();
    await client.queue.status(FLUX, { requestId: falId(9) });
    await client.queue.cancel(FLUX, { requestId: falId(9) });
    await client.storage.upload(new Blob(['png']));
    await client.queue.result(FLUX, { requestId: falId(9) });
    expect(stub.requests).toHaveLength(5);
    expect(recording.decided).toEqual([]);
  });
});

describe('I4: one attempt, one event', () => {
  it('run: what was asked for and made, for whom, under fal’s own id; the metadata does not leave', async () => {
    stub.headers = { 'x-fal-billable-units': '2' };
    const result = await guarded().run(FLUX, OPTIONS);
    expect(result).toEqual({ data: stub.answer, requestId: falId(1) });
    expect(idOf(result)).toBe(falId(1));
    expect(Object.keys(result)).toEqual(['data', 'requestId']);
    expect(only()).toMatchObject({
      transactionId: falId(1),
      model: FLUX,
      provider: 'fal_ai',
      modelSource: 'FAL_AI',
      operationType: 'IMAGE',
      operationSubtype: 'generation',
      requestedImageCount: 2,
      actualImageCount: 1,
      billingUnit: 'PER_IMAGE',
      resolution: '512x256',
      agent: 'painter',
      isStreamed: false,
      attributes: { usageState: 'reported', billableUnits: 2, endpoint: 'run' },
    });
    expect(recording.decided).toEqual([expect.objectContaining({ model: FLUX, provider: 'fal_ai', agent: 'painter' })]);
    expect(JSON.parse(stub.requests[0]!.text)).toEqual({ prompt: 'a cat', num_images: 2 });
    expect(OPTIONS.usageMetadata).toEqual({ agent: 'painter' });
  });

  it('subscribe is one call: decided once, metered once, from its submission to its result', async () => {
    stub.polls = 3;
    stub.headers = { 'x-fal-billable-units': '2' };
    const seen: string[] = [];
    const result = await guarded().subscribe(FLUX, {
      ...OPTIONS,
      pollInterval: 1,
      onEnqueue: (id) => void seen.push(id),
      onQueueUpdate: ({ status }) => {
        seen.push(status);
        if (status === 'IN_PROGRESS') recording.advance(1_000);
      },
    });
    expect(result).toEqual({ data: stub.answer, requestId: falId(1) });
    expect(idOf(result)).toBe(falId(1));
    expect(seen).toEqual([falId(1), 'IN_PROGRESS', 'IN_PROGRESS', 'COMPLETED']);
    expect(recording.decided).toHaveLength(1);
    expect(only()).toMatchObject({
      transactionId: falId(1),
      model: FLUX,
      agent: 'painter',
      requestedImageCount: 2,
      actualImageCount: 1,
      requestDuration: 2_000,
      attributes: { usageState: 'reported', billableUnits: 2 },
    });
    expect(paid(stub)).toHaveLength(1);
    expect(recording.timers()).toBe(0);
  });

  it('a queued request is metered when its result is read, once, on behalf of whoever submitted it', async () => {
    const client = guarded();
    const { request_id: requestId } = await client.queue.submit(FLUX, OPTIONS);
    expect(recording.events).toEqual([]);
    await client.queue.status(FLUX, { requestId });
    stub.faults.push({ status: 400, body: { detail: 'Request is still in progress' } });
    await expect(client.queue.result(FLUX, { requestId })).rejects.toThrow('Bad Request');
    expect(recording.events).toEqual([]);
    const reader = { requestId, usageMetadata: { agent: 'reader' } };
    expect(idOf(await client.queue.result(FLUX, reader))).toBe(requestId);
    await client.queue.result(FLUX, reader);
    expect(only()).toMatchObject({ agent: 'painter', transactionId: requestId, model: FLUX, actualImageCount: 1 });
  });

  it('a result that another process submitted is metered by whoever reads it, under the same id', async () => {
    const client = guarded();
    await client.queue.result(FLUX, { requestId: falId(7), usageMetadata: { agent: 'reader' } } as never);
    await client.queue.result(FLUX, { requestId: falId(7) });
    expect(only()).toMatchObject({ transactionId: falId(7), agent: 'reader', model: FLUX, actualImageCount: 1 });
  });

  it('work that failed in the queue is metered as failed, when that is read', async () => {
    stub.faults.push(undefined, { status: 422, body: { detail: 'prompt is too long' } });
    const error = await errorOf(() => guarded().subscribe(FLUX, OPTIONS));
    expect(error).toMatchObject({ name: 'ValidationError', status: 422 });
    expect(only()).toMatchObject({ errorCode: 422, errorReason: 'prompt is too long', actualImageCount: 0 });
    expect(only().attributes).toMatchObject({ usageState: 'reported' });
  });

  it('a result that goes to a webhook is metered when it is submitted, as an estimate', async () => {
    const client = guarded();
    const { request_id: requestId } = await client.queue.submit(FLUX, { ...OPTIONS, webhookUrl: 'https://a.example' });
    await client.queue.result(FLUX, { requestId });
    expect(only()).toMatchObject({
      transactionId: requestId,
      actualImageCount: 2,
      attributes: { usageState: 'estimated' },
    });
  });

  it('a cancelled request is metered as an estimate: whether it ran nobody says', async () => {
    const client = guarded();
    const { request_id: requestId } = await client.queue.submit(FLUX, OPTIONS);
    await client.queue.cancel(FLUX, { requestId });
    expect(only()).toMatchObject({
      stopReason: 'CANCELLED',
      actualImageCount: 2,
      attributes: { usageState: 'estimated' },
    });
  });

  it('a queued request that nobody reads is metered after a day', async () => {
    await guarded().queue.submit(FLUX, OPTIONS);
    recording.advance(24 * 3_600_000 - 1);
    expect(recording.events).toEqual([]);
    recording.advance(1);
    expect(only()).toMatchObject({
      transactionId: falId(1),
      attributes: { end: 'abandoned', usageState: 'estimated' },
    });
  });

  it('a subscription that is aborted or times out is metered when its caller is told', async () => {
    stub.polls = Number.POSITIVE_INFINITY;
    const controller = new AbortController();
    const aborted = guarded().subscribe(FLUX, {
      ...OPTIONS,
      pollInterval: 1,
      abortSignal: controller.signal,
      onQueueUpdate: () => controller.abort(),
    });
    await expect(aborted).rejects.toThrow('abort');
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', transactionId: falId(1) });
    await expect(guarded().subscribe(FLUX, { ...OPTIONS, pollInterval: 1, timeout: 20 })).rejects.toThrow('timed out');
    expect(recording.events).toHaveLength(2);
    expect(recording.events[1]!.attributes).toMatchObject({ usageState: 'estimated' });
    while (!stub.requests.some(({ method }) => method === 'PUT')) await new Promise((go) => setImmediate(go));
  });

  it.each<[string, object, object]>([
    ['422', { status: 422, body: { detail: 'no such size' } }, { errorCode: 422, errorReason: 'no such size' }],
    ['401', { status: 401, body: { detail: 'no key' } }, { errorCode: 401, errorReason: 'no key' }],
    ['500', { status: 500, body: 'oops' }, { errorCode: 500 }],
  ])('an answer of status %s made nothing, and its error passes unchanged', async (_status, fault, expected) => {
    stub.faults.push(fault as never);
    const error = await errorOf(() => guarded().run(FLUX, OPTIONS));
    expect(error).toMatchObject({ status: (fault as { status: number }).status });
    expect(only()).toMatchObject({ ...expected, stopReason: 'ERROR', actualImageCount: 0 });
  });

  it('each retry of the client is an attempt', async () => {
    stub.faults.push({ status: 503 }, { status: 429 });
    await guarded().run(FLUX, OPTIONS);
    expect(recording.events.map(({ errorCode, agent }) => [errorCode, agent])).toEqual([
      [503, 'painter'],
      [429, 'painter'],
      [undefined, 'painter'],
    ]);
    expect(recording.decided).toHaveLength(3);
  });

  it('an abort before the answer, a connection that breaks: an estimate of what was asked for', async () => {
    stub.faults.push('hang');
    const controller = new AbortController();
    const call = guarded().run(FLUX, { ...OPTIONS, abortSignal: controller.signal });
    const failed = expect(call).rejects.toThrow('abort');
    while (stub.requests.length === 0) await new Promise((go) => setImmediate(go));
    controller.abort();
    await failed;
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', actualImageCount: 2 });
    stub.faults.push('cut');
    // The newer version tries again by itself.
    await guarded()
      .run(FLUX, OPTIONS)
      .catch(() => undefined);
    expect(recording.events[1]).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'estimated' } });
  });

  it('uploads for an input are no attempts', async () => {
    await guarded().run(FLUX, { input: { prompt: 'a', image_url: new Blob(['png']) } as never });
    expect(stub.requests.map(({ host }) => host)).toEqual(['rest.fal.ai', 'v3.fal.media', 'fal.run']);
    expect(only()).toMatchObject({ operationSubtype: 'edit', sourceImageProvided: true });
  });

  it('a client behind a proxy, or one whose middleware sends elsewhere, is metered alike', async () => {
    await guarded({ proxyUrl: { url: 'https://app.example/fal', when: 'always' } }).run(FLUX, OPTIONS);
    expect(stub.requests[0]!.asked).toBe('app.example');
    expect(only()).toMatchObject({ model: FLUX, actualImageCount: 1 });
    const requestMiddleware = async (request: { url: string }) => ({
      ...request,
      url: request.url.replace('fal.run', 'gateway.example'),
    });
    await guarded({ requestMiddleware }).run(FLUX, OPTIONS);
    expect(stub.requests[1]!.asked).toBe('gateway.example');
    expect(recording.events).toHaveLength(2);
    expect(recording.events[1]).toMatchObject({ model: FLUX, actualImageCount: 1 });
  });

  it('two calls at once keep their own metadata', async () => {
    const client = guarded();
    const agents = ['a', 'b', 'c', 'd'];
    await Promise.all(agents.map((agent) => client.subscribe(FLUX, { ...OPTIONS, usageMetadata: { agent } } as never)));
    expect(recording.events.map(({ agent }) => agent).sort()).toEqual(agents);
    expect(new Set(recording.events.map(({ transactionId }) => transactionId)).size).toBe(4);
  });

  it('twice is harmless, and other things are no clients of fal', async () => {
    const client = guarded();
    instrumentFal(client, createRecordingPath().path, recording.runtime);
    await client.run(FLUX, OPTIONS);
    only();
    expect(isFalClient(client)).toBe(true);
    for (const other of [null, {}, { run() {} }, fetch]) expect(isFalClient(other)).toBe(false);
  });
});

describe('other kinds of endpoint', () => {
  it('video and speech', async () => {
    stub.answer = { video: { url: 'a.mp4' } };
    const client = guarded();
    await client.run('fal-ai/kling-video/v2/master/text-to-video', { input: { prompt: 'a', duration: '10' } as never });
    await client.run('fal-ai/veo3', { input: { prompt: 'a' } });
    stub.answer = { audio: { url: 'a.mp3' } };
    await client.run('fal-ai/orpheus-tts', { input: { text: 'hello' } as never });
    expect(recording.events[0]).toMatchObject({
      operationType: 'VIDEO',
      durationSeconds: 10,
      billingUnit: 'PER_SECOND',
    });
    expect(recording.events[1]).toMatchObject({ durationSeconds: 0, attributes: { usageState: 'unknown' } });
    expect(recording.events[2]).toMatchObject({ operationType: 'AUDIO', operationSubtype: 'tts', characterCount: 5 });
    expect(recording.events[2]!.attributes).toMatchObject({ usageState: 'reported' });
  });

  it('language models, with the cost that they name', async () => {
    stub.answer = { output: 'blue', usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, cost: 0.01 } };
    await guarded().run('openrouter/router', { input: { model: 'x/y', prompt: 'Why?' } } as never);
    expect(only()).toMatchObject({
      operationType: 'CHAT',
      model: 'openrouter/router',
      inputTokenCount: 5,
      outputTokenCount: 2,
      totalCost: 0.01,
      attributes: { languageModel: 'x/y', usageState: 'reported' },
    });
  });

  it('I5: an answer of a shape that nobody knows passes, and its event says unknown', async () => {
    stub.answer = { model_mesh: { url: 'a.glb' } };
    expect((await guarded().run('acme/mesh', { input: {} } as never)).data).toEqual(stub.answer);
    expect(only().attributes).toMatchObject({ usageState: 'unknown' });
  });
});
