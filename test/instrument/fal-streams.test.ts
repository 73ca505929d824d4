/** Streams of fal's client: read, left, aborted, and cut at every boundary in turn. */
import { createFalClient, type FalClient } from '@fal-ai/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentFal } from '../../src/instrument/fal.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { falId, type StubFal, startStubFal } from '../helpers/stub-fal.js';

const PICTURES = 'fal-ai/flux/dev';
const LANGUAGE = 'fal-ai/any-llm';
const OPTIONS = { input: { prompt: 'a cat', num_images: 2 }, usageMetadata: { agent: 'painter' } } as never;
const ASK = { input: { prompt: 'Why is the sky blue?' } } as never;
const USAGE = { prompt_tokens: 6, completion_tokens: 3, total_tokens: 9 };
const TEXTS = [
  { output: 'it', partial: true },
  { output: 'it scatters', partial: true },
  { output: 'it scatters light', partial: false, usage: USAGE },
];
const IMAGE = { url: 'data:image/png;base64,iVBO', width: 64, height: 32 };

let stub: StubFal;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubFal();
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.reset();
  stub.events = TEXTS;
  recording = createRecordingPath();
});

function guarded(): FalClient {
  const config = { credentials: 'k', fetch: stub.fetch, retry: { maxRetries: 0 } };
  return instrumentFal(createFalClient(config), recording.path, recording.runtime);
}

const only = () => {
  expect(recording.events).toHaveLength(1);
  expect(recording.open.size).toBe(0);
  return recording.events[0]!;
};
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((go) => setImmediate(go));
};

describe('a stream of fal’s client', () => {
  it('I3, I4: stays the client’s own object, gives what it gave, and is metered at its end', async () => {
    const bare = await createFalClient({ credentials: 'k', fetch: stub.fetch }).stream(LANGUAGE, ASK);
    const stream = await guarded().stream(LANGUAGE, ASK);
    expect(stream.constructor.name).toBe(bare.constructor.name);
    expect(Object.keys(stream)).toEqual(Object.keys(bare));
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks).toEqual(TEXTS);
    expect(await stream.done()).toEqual(TEXTS[2]);
    expect(stream.requestId).toBe(falId(2));
    expect(Reflect.get(chunks[0] as object, '_revenium_transaction_id')).toBe(falId(2));
    await bare.done();
    expect(only()).toMatchObject({
      transactionId: falId(2),
      model: LANGUAGE,
      isStreamed: true,
      inputTokenCount: 6,
      outputTokenCount: 3,
      stopReason: 'END',
      attributes: { usageState: 'reported', endpoint: 'stream' },
    });
  });

  it('pictures: the last event counts, and the units of the head are kept', async () => {
    stub.events = [{ images: [IMAGE] }, { images: [IMAGE, IMAGE] }];
    stub.headers = { 'x-fal-billable-units': '2' };
    await (await guarded().streaming.stream(PICTURES, OPTIONS)).done();
    expect(only()).toMatchObject({
      agent: 'painter',
      requestedImageCount: 2,
      actualImageCount: 2,
      resolution: '64x32',
      attributes: { usageState: 'reported', billableUnits: 2 },
    });
    expect(stub.requests[0]!.text).not.toContain('usageMetadata');
  });

  it('is read by its listeners alone', async () => {
    const stream = await guarded().stream(LANGUAGE, ASK);
    const seen: unknown[] = [];
    stream.on('data', (chunk) => seen.push(chunk));
    await stream.done();
    expect(seen).toEqual(TEXTS);
    expect(only()).toMatchObject({ totalTokenCount: 9 });
  });

  it('with a token of its own is decided and metered alike', async () => {
    const stream = await guarded().stream(LANGUAGE, {
      ...(ASK as object),
      connectionMode: 'client',
      tokenProvider: async () => 'jwt',
    } as never);
    await stream.done();
    expect(stub.requests[0]!.path).toContain('fal_jwt_token=jwt');
    expect(only()).toMatchObject({ totalTokenCount: 9, model: LANGUAGE });
    expect(recording.decided).toHaveLength(1);
  });

  it.each(['abort()', 'a signal'])('that is aborted by %s is a cancelled attempt with an estimate', async (how) => {
    stub.cut = (bytes) => [bytes.subarray(0, 60), bytes.subarray(60)];
    stub.holdAfter = 1;
    const controller = new AbortController();
    const stream = await guarded().stream(LANGUAGE, { ...(ASK as object), signal: controller.signal } as never);
    await new Promise<void>((go) => stream.on('data', () => go()));
    if (how === 'abort()') stream.abort();
    else controller.abort();
    await until(() => recording.events.length > 0);
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
    expect(only().outputTokenCount).toBeGreaterThan(0);
    await stub.requests[0]!.aborted;
  });

  it('that is refused by fal is a failed attempt, and the error is the client’s own', async () => {
    stub.faults.push({ status: 422, body: { detail: 'no prompt' } });
    const stream = await guarded().stream(LANGUAGE, ASK);
    await expect(stream.done()).rejects.toMatchObject({ name: 'ValidationError', status: 422 });
    expect(only()).toMatchObject({ errorCode: 422, errorReason: 'no prompt', totalTokenCount: 0 });
  });

  it('that brings bytes instead of events is not understood, and says so', async () => {
    stub.headers = { 'content-type': 'application/octet-stream' };
    const stream = await guarded().stream('acme/bytes', ASK);
    await stream.done();
    expect(only().attributes).toMatchObject({ usageState: expect.stringMatching(/unknown|estimated/) });
  });

  const bytes = Buffer.from(TEXTS.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
  const pieces = 12;
  const size = Math.ceil(bytes.length / pieces);
  const inPieces = (all: Buffer) =>
    Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.subarray(index * size, (index + 1) * size));

  it.each(Array.from({ length: pieces + 1 }, (_, index) => index))(
    'I4: cut after piece %i is metered once: the truth, or a marked estimate',
    async (breakAfter) => {
      stub.cut = inPieces;
      stub.breakAfter = breakAfter;
      const stream = await guarded().stream(LANGUAGE, ASK);
      await stream.done().catch(() => undefined);
      await until(() => recording.events.length > 0);
      const { attributes, totalTokenCount, inputTokenCount, outputTokenCount } = only();
      const isTrue = attributes?.['usageState'] === 'reported';
      expect(isTrue).toBe(breakAfter >= inPieces(bytes).length);
      if (isTrue) expect(totalTokenCount).toBe(9);
      else {
        expect(attributes).toMatchObject({ usageState: outputTokenCount > 0 ? 'estimated' : 'unknown' });
        expect(inputTokenCount + outputTokenCount).toBe(totalTokenCount);
      }
    },
  );

  it.each([1, 2, 3])(
    'I5: pictures cut after event %i are what was asked for, marked as an estimate',
    async (breakAfter) => {
      const events = [{ images: [IMAGE] }, { images: [IMAGE] }, { images: [IMAGE, IMAGE] }];
      stub.events = events;
      const whole = events.map((event) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
      stub.cut = () => whole;
      stub.breakAfter = breakAfter;
      const stream = await guarded().stream(PICTURES, OPTIONS);
      await stream.done().catch(() => undefined);
      await until(() => recording.events.length > 0);
      expect(only()).toMatchObject({
        stopReason: 'ERROR',
        actualImageCount: 2,
        attributes: { usageState: 'estimated' },
      });
    },
  );
});
