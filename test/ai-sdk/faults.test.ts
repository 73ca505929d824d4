import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fusewireMiddleware } from '../../src/ai-sdk.js';
import { instanceOn, MAJORS, type Model } from '../helpers/ai-sdk-majors.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { until } from '../helpers/until.js';

let stub: StubProvider;
let recording: RecordingPath;

beforeAll(async () => {
  stub = await startStubProvider();
});
beforeEach(() => {
  stub.reset();
  recording = createRecordingPath();
});
afterEach(() => {
  expect(recording.open.size, 'attempts left open').toBe(0);
  expect(recording.timers()).toBe(0);
  expect(recording.logged).toEqual([]);
});
afterAll(() => stub.close());

const quiet = { onError: () => undefined };

describe.each(MAJORS)('ai $major, when things go wrong', ({ ai, openai, specification, usage, finishReason }) => {
  const wrap = (model: unknown) =>
    ai.wrapLanguageModel({
      model: model as Model,
      middleware: fusewireMiddleware({ instance: instanceOn(recording) }),
    });
  const wrapped = () => wrap(openai(`${stub.url}/v1`).chat('gpt-4o-mini'));
  const finish = { type: 'finish', usage: usage(21, 9), finishReason: finishReason('stop') };
  const parts: object[] = [
    { type: 'stream-start', warnings: [] },
    { type: 'response-metadata', id: 'r-1', modelId: 'm-1', timestamp: new Date(0) },
    { type: 'reasoning-start', id: '0' },
    { type: 'reasoning-delta', id: '0', delta: 'hm. ' },
    { type: 'reasoning-end', id: '0' },
    { type: 'text-start', id: '1' },
    { type: 'text-delta', id: '1', delta: 'eight ch' },
    { type: 'text-delta', id: '1', delta: 'aracters' },
    { type: 'text-end', id: '1' },
    { type: 'tool-input-start', id: '2', toolName: 'f' },
    { type: 'tool-input-delta', id: '2', delta: '{}' },
    { type: 'tool-input-end', id: '2' },
    { type: 'tool-call', toolCallId: '2', toolName: 'f', input: '{}' },
    finish,
  ];
  const mock = (stream: () => ReadableStream<unknown>) =>
    wrap({
      specificationVersion: specification,
      provider: 'acme.chat',
      modelId: 'm',
      supportedUrls: {},
      doStream: async () => ({ stream: stream() }),
    });
  const options = { prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] } as never;
  const readAll = async (stream: ReadableStream<unknown>) => {
    const seen: unknown[] = [];
    for await (const part of stream) seen.push(part);
    return seen;
  };

  it.each(parts.map((_, index) => index))('I4: a stream that ends after %i parts is metered once', async (cut) => {
    const model = mock(() => ReadableStream.from(parts.slice(0, cut)));
    const { stream } = await model.doStream(options);
    expect(await readAll(stream)).toEqual(parts.slice(0, cut));
    const [event, ...more] = recording.events;
    expect(more).toEqual([]);
    expect(event).toMatchObject({ stopReason: 'ERROR', errorReason: 'the stream ended early', isStreamed: true });
    // Nothing was said of it: unknown. Something was: estimated from what came. Never zero and certain (I5).
    expect(event?.attributes?.['usageState']).toBe(cut < 4 ? 'unknown' : 'estimated');
    if (cut >= 8) expect(event?.outputTokenCount).toBeGreaterThanOrEqual(5);
  });

  it.each(parts.map((_, index) => index))(
    'I4: a stream that fails after %i parts is metered once, and its error passes',
    async (cut) => {
      const broken = new Error('the line broke');
      const model = mock(() => failing(parts.slice(0, cut), broken));
      const { stream } = await model.doStream(options);
      await expect(readAll(stream)).rejects.toBe(broken);
      expect(recording.events).toMatchObject([{ stopReason: 'ERROR', errorReason: 'the line broke' }]);
    },
  );

  it.each(parts.map((_, index) => index))('I4: a stream that is left after %i parts is metered once', async (cut) => {
    let reason: unknown;
    const source = ReadableStream.from(parts);
    const model = mock(() =>
      cancelSeen(source, (given) => {
        reason = given;
      }),
    );
    const reader = (await model.doStream(options)).stream.getReader();
    for (let index = 0; index < cut; index += 1) await reader.read();
    await reader.cancel('enough');
    expect(reason).toBe('enough');
    expect(recording.events).toMatchObject([{ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } }]);
  });

  it('I4: leaving after the finish part is no abort', async () => {
    const reader = (await mock(() => ReadableStream.from(parts)).doStream(options)).stream.getReader();
    for (const _ of parts) await reader.read();
    await reader.cancel();
    expect(recording.events).toMatchObject([
      { stopReason: 'END', totalTokenCount: 30, provider: 'ACME', model: 'm-1', attributes: { requestedModel: 'm' } },
    ]);
  });

  it('I4: an error part is metered with the counts that still come', async () => {
    const error = { type: 'error', error: new Error('a chunk was no JSON') };
    const model = mock(() => ReadableStream.from([...parts.slice(0, 7), error, ...parts.slice(7)]));
    await readAll((await model.doStream(options)).stream);
    expect(recording.events).toMatchObject([
      {
        stopReason: 'ERROR',
        errorReason: 'a chunk was no JSON',
        totalTokenCount: 30,
        attributes: { usageState: 'reported' },
      },
    ]);
  });

  it('I4: a stream that nobody reads is metered after a minute, one that is dropped half read later', async () => {
    await mock(() => ReadableStream.from(parts)).doStream(options);
    recording.advance(60_000);
    expect(recording.events).toMatchObject([{ stopReason: 'CANCELLED', attributes: { end: 'abandoned' } }]);
    const reader = (await mock(() => ReadableStream.from(parts)).doStream(options)).stream.getReader();
    await reader.read();
    recording.advance(60_000);
    expect(recording.events).toHaveLength(1);
    recording.advance(15 * 60_000);
    expect(recording.events[1]?.attributes).toMatchObject({ end: 'abandoned' });
  });

  it('leaves no listener on a signal that outlives the call', async () => {
    const { signal } = new AbortController();
    for (const cut of [3, parts.length]) {
      const { stream } = await mock(() => ReadableStream.from(parts.slice(0, cut))).doStream({
        ...(options as object),
        abortSignal: signal,
      } as never);
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      await readAll(stream);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    }
  });

  it('I3: nothing is read ahead of the reader', async () => {
    let pulled = 0;
    const source = new ReadableStream(
      {
        pull(controller) {
          controller.enqueue(parts[pulled]);
          pulled += 1;
          if (pulled === parts.length) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const reader = (await mock(() => source).doStream(options)).stream.getReader();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBe(0);
    expect((await reader.read()).value).toBe(parts[0]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBe(1);
    await reader.cancel();
  });

  it('counts that are zero, absent or no numbers are unknown, and estimated (I5)', async () => {
    for (const odd of [undefined, usage(0, 0), usage(Number.NaN, Number.NaN), 'lots', { inputTokens: {} }]) {
      recording.events.length = 0;
      const model = mock(() => ReadableStream.from([...parts.slice(0, -1), { ...finish, usage: odd }]));
      await readAll((await model.doStream(options)).stream);
      expect(recording.events).toMatchObject([{ stopReason: 'END', attributes: { usageState: 'estimated' } }]);
      expect(recording.events[0]?.outputTokenCount).toBeGreaterThan(0);
    }
  });

  it('I2: shapes that nobody knows pass untouched', async () => {
    const odd = { anything: true };
    const model = wrap({
      specificationVersion: specification,
      provider: 'acme.chat',
      modelId: 'm',
      supportedUrls: {},
      doStream: async () => odd,
      doGenerate: async () => odd,
    });
    expect(await model.doStream(options)).toBe(odd);
    expect(await model.doGenerate(options)).toBe(odd);
    expect(recording.events.map(({ attributes }) => attributes?.['usageState'])).toEqual(['unknown', 'unknown']);
  });

  it('I2, I4: errors of the provider pass unchanged, each try is an event', async () => {
    stub.faults.push({ status: 500, headers: { 'retry-after-ms': '1' } }, { status: 400, message: 'no such model' });
    const error = await ai.generateText({ model: wrapped(), prompt: 'x' }).catch((thrown: unknown) => thrown);
    expect((error as { lastError: object }).lastError).toMatchObject({ name: 'AI_APICallError', statusCode: 400 });
    expect(
      recording.events.map(({ errorCode, errorReason, totalTokenCount }) => [errorCode, errorReason, totalTokenCount]),
    ).toEqual([
      [500, 'stub fault', 0],
      [400, 'no such model', 0],
    ]);
  });

  it('I4: an abort while the answer is awaited is metered once', async () => {
    stub.faults.push('hang');
    const abort = new AbortController();
    const call = ai.generateText({ model: wrapped(), prompt: 'How?', abortSignal: abort.signal });
    const failed = call.catch((error: unknown) => error);
    await until(() => stub.requests.length === 1, 'the request arrives');
    abort.abort();
    expect(((await failed) as Error).name).toBe('AbortError');
    expect(recording.events).toMatchObject([{ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } }]);
  });

  it('an abort by a time limit is a timeout, whatever its reason is', async () => {
    stub.faults.push('hang');
    const abort = new AbortController();
    const failed = ai
      .generateText({ model: wrapped(), prompt: 'How?', abortSignal: abort.signal })
      .catch(() => undefined);
    await until(() => stub.requests.length === 1, 'the request arrives');
    abort.abort(new DOMException('too slow', 'TimeoutError'));
    await failed;
    expect(recording.events).toMatchObject([{ stopReason: 'TIMEOUT' }]);
  });

  it('I4: an abort in the middle of a stream is metered once, with an estimate', async () => {
    stub.faults.push('hold');
    const abort = new AbortController();
    const answer = ai.streamText({ model: wrapped(), prompt: 'How?', abortSignal: abort.signal, ...quiet });
    const reading = (async () => {
      for await (const part of answer.fullStream) if (part.type === 'text-delta') abort.abort();
    })().catch(() => undefined);
    await reading;
    stub.release();
    expect(recording.events).toMatchObject([{ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } }]);
    expect(recording.events[0]?.outputTokenCount).toBeGreaterThan(0);
  });

  it.each(['cut', 'error-inside'] as const)('I4: a stream with the fault %s is metered once', async (fault) => {
    stub.faults.push(fault);
    const answer = ai.streamText({ model: wrapped(), prompt: 'How?', maxRetries: 0, ...quiet });
    await answer.consumeStream({ onError: () => undefined });
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'estimated' } });
  });

  it('I4: a consumer that breaks out is metered once, at once or when its stream is seen to be dropped', async () => {
    const answer = ai.streamText({ model: mock(() => ReadableStream.from(parts)), prompt: 'How?', ...quiet });
    for await (const _ of answer.textStream) break;
    for (let minutes = 0; minutes < 60 && recording.timers() > 0; minutes += 15) recording.advance(15 * 60_000);
    expect(recording.events).toMatchObject([{ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } }]);
    expect(recording.events[0]?.outputTokenCount).toBeGreaterThan(0);
  });
});

function failing(parts: readonly object[], error: Error): ReadableStream<unknown> {
  let index = 0;
  return new ReadableStream({
    pull(controller) {
      if (index === parts.length) controller.error(error);
      else controller.enqueue(parts[index]);
      index += 1;
    },
  });
}

function cancelSeen(source: ReadableStream<unknown>, seen: (reason: unknown) => void): ReadableStream<unknown> {
  const reader = source.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        controller.enqueue((await reader.read()).value);
      },
      cancel(reason) {
        seen(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
