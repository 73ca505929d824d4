import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentGoogle } from '../../src/instrument/google.js';
import { type Client, MAJORS, optionsFor } from '../helpers/google-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubGoogle, startStubGoogle } from '../helpers/stub-google.js';
import { until } from '../helpers/until.js';

const TEXT = { model: 'gemini-2.5-flash', contents: 'hi' };
const COUNTS = { inputTokenCount: 12, outputTokenCount: 6, reasoningTokenCount: 5, totalTokenCount: 23 };
const ID = '_revenium_transaction_id';

let stub: StubGoogle;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubGoogle();
});
afterAll(() => stub.close());
beforeEach(() => {
  recording = createRecordingPath();
  stub.reset();
});

const tool = () => ({
  tool: async () => ({ functionDeclarations: [{ name: 'weather', description: 'd' }] }),
  callTool: async () => [{ functionResponse: { name: 'weather', response: { sky: 'blue' } } }],
});

async function drained(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const idOf = (value: unknown) => Reflect.get(value as object, ID);

describe.each(MAJORS)('@google/genai $major', (major) => {
  const guarded = (vertexai = false, httpOptions: object = {}, Class = major.Esm) =>
    instrumentGoogle(new Class(optionsFor(stub.url, vertexai, httpOptions)), recording.path, recording.runtime);
  const only = () => {
    expect(recording.events).toHaveLength(1);
    expect(recording.open.size).toBe(0);
    return recording.events[0]!;
  };

  it.each([
    ['Gemini', false, 'GOOGLE'],
    ['Vertex AI', true, 'GOOGLE_VERTEX_AI'],
  ] as const)('I4: a call is metered once with what the provider counted: %s', async (_name, vertexai, modelSource) => {
    const usageMetadata = { organizationName: 'Northwind', agent: 'triage' };
    const config = { temperature: 0.3, systemInstruction: 'be brief' };
    const answer = await guarded(vertexai).models.generateContent({ ...TEXT, config, usageMetadata } as never);
    expect(answer.text).toBe('hello');
    const event = only();
    expect(event).toMatchObject({
      ...COUNTS,
      provider: 'Google',
      modelSource,
      model: 'gemini-2.5-flash',
      operationType: 'CHAT',
      stopReason: 'END',
      isStreamed: false,
      temperature: 0.3,
      organizationName: 'Northwind',
      agent: 'triage',
      attributes: { usageState: 'reported', endpoint: 'models.generateContent', providerResponseId: 'resp-1' },
    });
    expect(event.transactionId).toBe(idOf(answer));
    expect(event.transactionId).toBe('attempt-1');
    expect(Object.keys(answer)).not.toContain(ID);
    expect(stub.requests[0]!.text).not.toMatch(/usageMetadata|Northwind/);
  });

  it('I4: a stream is metered once, with its last running totals; every chunk names the event', async () => {
    const chunks = await drained(await guarded().models.generateContentStream(TEXT));
    expect(chunks).toHaveLength(4);
    const event = only();
    expect(event).toMatchObject({
      ...COUNTS,
      isStreamed: true,
      stopReason: 'END',
      attributes: { usageState: 'reported' },
    });
    for (const chunk of chunks) expect(idOf(chunk)).toBe(event.transactionId);
  });

  it.each([0, 1, 2, 3])(
    'I4, I5: a stream that is cut after chunk %i is metered once, as an estimate',
    async (chunks) => {
      stub.chunksMax = chunks;
      const seen: unknown[] = [];
      await expect(async () => {
        for await (const chunk of await guarded().models.generateContentStream(TEXT)) seen.push(chunk);
      }).rejects.toThrow();
      expect(seen).toHaveLength(chunks);
      const event = only();
      expect(event.stopReason).toBe('ERROR');
      expect(event.attributes?.['usageState']).toBe(chunks === 0 ? 'unknown' : 'estimated');
      if (chunks > 0) expect(event.inputTokenCount).toBeGreaterThanOrEqual(12);
      if (chunks > 1) expect(event).toMatchObject({ outputTokenCount: chunks === 2 ? 2 : 4, reasoningTokenCount: 5 });
    },
  );

  it.each([1, 2, 3, 4])('I4: who leaves a stream after chunk %i is metered at once', async (chunks) => {
    let seen = 0;
    for await (const chunk of await guarded().models.generateContentStream(TEXT)) {
      expect(chunk).toBeDefined();
      seen += 1;
      if (seen === chunks) break;
    }
    const event = only();
    const isOver = chunks === 4;
    expect(event.stopReason).toBe(isOver ? 'END' : 'CANCELLED');
    expect(event.attributes?.['usageState']).toBe(isOver ? 'reported' : 'estimated');
    expect(event.attributes?.['end']).toBe(isOver ? 'completed' : 'cancelled');
  });

  it('I4: a stream that nobody reads is metered after a minute', async () => {
    const stream = await guarded().models.generateContentStream(TEXT);
    expect(recording.events).toHaveLength(0);
    recording.advance(60_000);
    expect(only()).toMatchObject({
      stopReason: 'CANCELLED',
      attributes: { usageState: 'estimated', end: 'abandoned' },
    });
    expect(await drained(stream)).toHaveLength(4);
    expect(recording.events).toHaveLength(1);
  });

  it('I4: aborts: before it is sent nothing is metered, later it is once', async () => {
    const aborted = { ...TEXT, config: { abortSignal: AbortSignal.abort() } };
    await guarded()
      .models.generateContent(aborted)
      .catch(() => undefined);
    // The first major does not look at a signal that was aborted before: it sends, and that is metered.
    expect(stub.requests).toHaveLength(major.major === 1 ? 1 : 0);
    expect(recording.events).toHaveLength(stub.requests.length);
    recording.events.length = 0;
    stub.reset();
    stub.faults.push('hang');
    const during = new AbortController();
    const pending = guarded().models.generateContent({ ...TEXT, config: { abortSignal: during.signal } });
    await until(() => stub.requests.length === 1, 'the request');
    during.abort();
    await expect(pending).rejects.toThrow();
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
  });

  it('I4: a stream that is aborted while nobody reads is metered at once', async () => {
    stub.faults.push('hold');
    const controller = new AbortController();
    const config = { abortSignal: controller.signal };
    const stream = await guarded().models.generateContentStream({ ...TEXT, config });
    await stream.next();
    controller.abort();
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
    await expect(drained(stream)).rejects.toThrow();
    expect(recording.events).toHaveLength(1);
  });

  // Long enough for the request to arrive: a late one would meet what the next test has in store.
  it('I4: the client’s own time limit is a timeout', async () => {
    stub.faults.push('hang');
    await expect(guarded(false, { timeout: 400 }).models.generateContent(TEXT)).rejects.toThrow();
    expect(only()).toMatchObject({ stopReason: 'TIMEOUT' });
  });

  it('errors of the provider are metered with their status and reason, and cost nothing', async () => {
    stub.faults.push({ status: 429, message: 'slow down' });
    await expect(guarded().models.generateContent(TEXT)).rejects.toMatchObject({ status: 429 });
    expect(only()).toMatchObject({ stopReason: 'ERROR', errorCode: 429, errorReason: 'slow down', totalTokenCount: 0 });
  });

  it('an error inside a stream is metered once with its reason', async () => {
    stub.faults.push('error-inside');
    const stream = await guarded().models.generateContentStream(TEXT);
    await drained(stream).catch(() => undefined);
    const event = only();
    expect(event).toMatchObject({ stopReason: 'ERROR', errorReason: 'overloaded inside' });
    expect(event.attributes?.['usageState']).toBe('estimated');
  });

  it('a connection that breaks inside a whole answer leaves the usage unknown', async () => {
    stub.faults.push('cut');
    await expect(guarded().models.generateContent(TEXT)).rejects.toThrow();
    expect(only()).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'unknown' } });
  });

  it('a prompt that is blocked is an error with the prompt’s tokens', async () => {
    stub.faults.push('blocked');
    await guarded().models.generateContent(TEXT);
    expect(only()).toMatchObject({
      stopReason: 'ERROR',
      inputTokenCount: 12,
      outputTokenCount: 0,
      totalTokenCount: 12,
    });
  });

  it('I4: every attempt of the client’s retries is metered', async () => {
    stub.faults.push({ status: 503 }, { status: 429 });
    const options = { retryOptions: { attempts: 4, initialDelay: 0.005, jitter: 0 } };
    const pending = guarded(false, options).models.generateContent(TEXT);
    await until(() => {
      if (recording.timers() > 0) recording.advance(4_000);
      return stub.requests.length === 3;
    }, 'three requests');
    expect((await pending).text).toBe('hello');
    expect(recording.events.map(({ errorCode }) => errorCode)).toEqual([503, 429, undefined]);
    expect(recording.decided).toHaveLength(3);
    expect(recording.open.size).toBe(0);
  });

  it('I4: automatic function calling is as many attempts as requests', async () => {
    const answer = await guarded().models.generateContent({ ...TEXT, config: { tools: [tool()] } });
    expect(answer.text).toBe('hello');
    expect(stub.requests).toHaveLength(2);
    expect(recording.events).toHaveLength(2);
    expect(recording.events[0]).toMatchObject({ ...COUNTS, operationSubtype: 'function_call' });
    expect(idOf(answer)).toBe(recording.events[1]!.transactionId);
  });

  it('I4: so it is in a stream, and its metadata holds for all of them', async () => {
    const config = { tools: [tool()] };
    const stream = await guarded().models.generateContentStream({
      ...TEXT,
      config,
      usageMetadata: { agent: 'a' },
    } as never);
    const chunks = await drained(stream);
    expect(stub.requests).toHaveLength(2);
    expect(recording.events).toMatchObject([{ agent: 'a' }, { agent: 'a' }]);
    expect(recording.decided).toHaveLength(2);
    expect(idOf(chunks.at(-1))).toBe(recording.events[1]!.transactionId);
  });

  it('chats: every message is metered, with what was said of the chat and of the message', async () => {
    const chats = guarded().chats;
    const chat = chats.create({ model: TEXT.model, usageMetadata: { agent: 'a', taskType: 'b' } } as never);
    const answer = await chat.sendMessage({ message: 'hi', usageMetadata: { taskType: 'c' } } as never);
    const chunks = await drained(await chat.sendMessageStream({ message: 'again' }));
    expect(recording.events).toMatchObject([
      { ...COUNTS, agent: 'a', taskType: 'c' },
      { ...COUNTS, agent: 'a', taskType: 'b', isStreamed: true },
    ]);
    expect(idOf(answer)).toBe(recording.events[0]!.transactionId);
    expect(idOf(chunks[0])).toBe(recording.events[1]!.transactionId);
    // Of a stream the client keeps each chunk's content.
    expect(chat.getHistory()).toHaveLength(7);
    expect(stub.requests[1]!.body['contents']).toHaveLength(3);
  });

  it('images in the prompt, a cached content and a service tier are told', async () => {
    const contents = [
      { role: 'user', parts: [{ inlineData: { data: 'aGk=', mimeType: 'image/png' } }, { text: 'what?' }] },
    ];
    const config = { cachedContent: 'cachedContents/c1' };
    await guarded().models.generateContent({ ...TEXT, contents, config });
    expect(only()).toMatchObject({ hasVisionContent: true, cacheReadTokenCount: 8, inputTokenCount: 12 });
  });

  it('a cache costs its tokens once, and its life is told', async () => {
    const request = { model: TEXT.model, config: { contents: 'long', ttl: '7200s' }, usageMetadata: { agent: 'a' } };
    await guarded().caches.create(request as never);
    expect(only()).toMatchObject({
      agent: 'a',
      operationType: 'OTHER',
      model: 'gemini-2.5-flash',
      inputTokenCount: 4000,
      outputTokenCount: 0,
      attributes: { endpoint: 'cachedContents', cacheStorageTokenHours: 8000 },
    });
  });

  it('I5: embeddings without counts are estimated, never 0; Vertex AI’s counts are reported', async () => {
    await guarded().models.embedContent({ model: 'gemini-embedding-001', contents: ['some text', 'more'] });
    await guarded(true).models.embedContent({ model: 'text-embedding-005', contents: ['a', 'b'] });
    expect(recording.events).toMatchObject([
      { operationType: 'EMBED', inputTokenCount: 4, outputTokenCount: 0, attributes: { usageState: 'estimated' } },
      {
        operationType: 'EMBED',
        inputTokenCount: 14,
        outputTokenCount: 0,
        attributes: { usageState: 'reported', billableCharacters: 21 },
      },
    ]);
  });

  it('images are counted as made: those that were filtered out are not', async () => {
    const config = { numberOfImages: 3, aspectRatio: '16:9' };
    const prompt = { model: 'imagen-4.0-generate-001', prompt: 'a cat', config };
    await guarded(true).models.generateImages(prompt);
    const image = { imageBytes: 'aGk=', mimeType: 'image/png' };
    await guarded(true).models.upscaleImage({ model: 'imagen-4.0-upscale-preview', image, upscaleFactor: 'x2' });
    expect(recording.events).toMatchObject([
      {
        operationType: 'IMAGE',
        operationSubtype: 'generation',
        requestedImageCount: 3,
        actualImageCount: 2,
        aspectRatio: '16:9',
        billingUnit: 'PER_IMAGE',
      },
      { operationSubtype: 'upscale', actualImageCount: 1, sourceImageProvided: true },
    ]);
  });

  it.each(major.major === 1 ? [false, true] : [true])(
    'I4: a video is metered when its end is read, once, on behalf of who asked for it (Vertex AI: %s)',
    async (vertexai) => {
      const client = guarded(vertexai);
      const request = {
        model: 'veo-3.0-generate-001',
        prompt: 'a cat',
        config: { durationSeconds: 6, numberOfVideos: 1 },
      };
      let operation = await client.models.generateVideos({ ...request, usageMetadata: { agent: 'a' } } as never);
      expect(recording.decided).toHaveLength(1);
      expect(recording.events).toHaveLength(0);
      for (let poll = 0; poll < 3; poll += 1) operation = await client.operations.getVideosOperation({ operation });
      expect(operation.done).toBe(true);
      expect(only()).toMatchObject({
        operationType: 'VIDEO',
        model: 'veo-3.0-generate-001',
        agent: 'a',
        durationSeconds: 6,
        attributes: { usageState: 'reported' },
      });
      expect(recording.events[0]!.transactionId).toMatch(/operations\/op1$/);
    },
  );

  it('I4, I5: of a video whose request nobody saw here the length is not known', async () => {
    const bare = new major.Esm(optionsFor(stub.url, true));
    const operation = await bare.models.generateVideos({ model: 'veo-3.0-generate-001', prompt: 'a cat' });
    for (let poll = 0; poll < 2; poll += 1) await guarded(true).operations.getVideosOperation({ operation });
    expect(only()).toMatchObject({ operationType: 'VIDEO', attributes: { usageState: 'unknown' } });
  });

  it('I4: a batch is metered when its results are read, once, at the price of batches', async () => {
    const client = guarded();
    const src = [{ contents: [{ parts: [{ text: 'a' }] }] }];
    const job = await client.batches.create({ model: TEXT.model, src });
    expect(recording.events).toHaveLength(0);
    for (let poll = 0; poll < 3; poll += 1) await client.batches.get({ name: job.name! });
    expect(only()).toMatchObject({
      pricingTier: 'BATCH',
      model: 'gemini-2.5-flash',
      inputTokenCount: 24,
      outputTokenCount: 12,
      reasoningTokenCount: 10,
      transactionId: 'batches/b1',
    });
  });

  it('I1: endpoints that nobody knows pass, flagged', async () => {
    recording.refuse();
    await guarded(true).tunings.tune({
      baseModel: 'gemini-2.5-flash',
      trainingDataset: { gcsUri: 'gs://a/b' },
    } as never);
    expect(only().attributes).toMatchObject({ unknownEndpoint: true, usageState: 'unknown' });
  });

  it.each(['CommonJs', 'Web'] as const)('meters in the other build: %s', async (build) => {
    const client: Client = guarded(false, {}, major[build]);
    await client.models.generateContent(TEXT);
    await drained(await client.models.generateContentStream(TEXT));
    expect(recording.events).toMatchObject([COUNTS, COUNTS]);
  });
});
