import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BudgetExceededError,
  fusewireEmbeddingMiddleware,
  fusewireImageMiddleware,
  fusewireMiddleware,
  guardEmbeddingModel,
  guardImageModel,
  guardSpeechModel,
  guardTranscriptionModel,
} from '../../src/ai-sdk.js';
import { instanceOn, MAJORS } from '../helpers/ai-sdk-majors.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

let stub: StubProvider;
let recording: RecordingPath;

beforeAll(async () => {
  stub = await startStubProvider();
});
beforeEach(() => {
  stub.reset();
  recording = createRecordingPath();
  recording.refuse();
});
afterAll(() => stub.close());

const rejection = async (promise: PromiseLike<unknown>): Promise<unknown> => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
};

describe.each(MAJORS)('I1: a refusal through ai $major', ({ ai, openai, embeddingModel, major }) => {
  const options = () => ({ instance: instanceOn(recording) });
  const wrapped = () =>
    ai.wrapLanguageModel({
      model: openai(`${stub.url}/v1`).chat('gpt-4o-mini'),
      middleware: fusewireMiddleware(options()),
    });
  const schema = ai.jsonSchema<object>({ type: 'object' });
  const expectNothing = () => {
    expect(stub.requests).toEqual([]);
    expect(recording.events).toEqual([]);
    expect(recording.open.size + recording.timers()).toBe(0);
  };

  it('is the error itself from generateText and generateObject, once and at once', async () => {
    for (const call of [
      () => ai.generateText({ model: wrapped(), prompt: 'x', maxRetries: 5 }),
      () => ai.generateObject({ model: wrapped(), schema, prompt: 'x' }),
    ]) {
      recording.refusals = 0;
      const error = await rejection(call());
      expect(error).toBeInstanceOf(BudgetExceededError);
      expect((error as BudgetExceededError).ruleName).toBe('daily');
      expect(recording.refusals).toBe(1);
    }
    expectNothing();
  });

  it('is the error itself in onError and in the error part of streamText', async () => {
    const told: unknown[] = [];
    const answer = ai.streamText({ model: wrapped(), prompt: 'x', onError: ({ error }) => void told.push(error) });
    const parts: { type: string; error?: unknown }[] = [];
    for await (const part of answer.fullStream) parts.push(part as (typeof parts)[number]);
    const inside = parts.find(({ type }) => type === 'error')?.error;
    expect(told).toEqual([inside]);
    expect(inside).toBeInstanceOf(BudgetExceededError);
    // The promises of the result reject in the SDK's own way, which names no cause.
    expect((await rejection(answer.text)) as Error).toMatchObject({ name: 'AI_NoOutputGeneratedError' });
    expect(recording.refusals).toBe(1);
    expectNothing();
  });

  it('is the error itself in onError, the error part and the object of streamObject', async () => {
    const told: unknown[] = [];
    const answer = ai.streamObject({
      model: wrapped(),
      schema,
      prompt: 'x',
      onError: ({ error }) => void told.push(error),
    });
    const whole = rejection(answer.object);
    for await (const part of answer.fullStream) if (part.type === 'error') told.push(part.error);
    expect(await whole).toBeInstanceOf(BudgetExceededError);
    expect(told.map((error) => error instanceof BudgetExceededError)).toEqual([true, true]);
    expectNothing();
  });

  it('is the error itself from embed, embedMany and generateImage, speech and transcription', async () => {
    const model = embeddingModel(openai(`${stub.url}/v1`), 'text-embedding-3-small');
    const image = openai(`${stub.url}/v1`).image('dall-e-3');
    const models = [guardEmbeddingModel(model, options())];
    const images = [guardImageModel(image, options())];
    if (major > 5) {
      models.push(ai.wrapEmbeddingModel({ model, middleware: fusewireEmbeddingMiddleware(options()) }) as typeof model);
      const middleware = fusewireImageMiddleware(options());
      images.push(ai.wrapImageModel({ model: image, middleware } as never) as typeof image);
    }
    const speech = guardSpeechModel(openai(`${stub.url}/v1`).speech('tts-1'), options());
    const transcription = guardTranscriptionModel(openai(`${stub.url}/v1`).transcription('whisper-1'), options());
    const calls = [
      ...models.flatMap((one) => [
        () => ai.embed({ model: one, value: 'x' }),
        () => ai.embedMany({ model: one, values: ['x'] }),
      ]),
      ...images.map((one) => () => (ai.experimental_generateImage ?? ai.generateImage)({ model: one, prompt: 'x' })),
      () => ai.experimental_generateSpeech({ model: speech, text: 'x' }),
      () => ai.experimental_transcribe({ model: transcription, audio: new Uint8Array([82, 73, 70, 70]) }),
    ];
    for (const call of calls) expect(await rejection(call())).toBeInstanceOf(BudgetExceededError);
    expectNothing();
  });

  it('stops a tool loop at the step that is refused; the steps before it are metered', async () => {
    recording.allow();
    const weather = ai.tool({
      inputSchema: schema,
      execute: async () => {
        recording.refuse();
        return 'rain';
      },
    });
    const loop = ai.generateText({ model: wrapped(), tools: { weather }, stopWhen: ai.stepCountIs(3), prompt: 'x' });
    expect(await rejection(loop)).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toMatchObject([{ stopReason: 'END_SEQUENCE' }]);
  });

  it('of a retry is found in the SDK’s own error about several tries', async () => {
    recording.allow();
    stub.faults.push({ status: 429, headers: { 'retry-after-ms': '1' } });
    const middleware = fusewireMiddleware(options());
    const first = ai.wrapLanguageModel({
      model: openai(`${stub.url}/v1`).chat('gpt-4o-mini'),
      middleware: [
        {
          specificationVersion: 'v3',
          async wrapGenerate({ doGenerate }) {
            try {
              return await doGenerate();
            } finally {
              recording.refuse();
            }
          },
        },
        middleware,
      ],
    });
    const error = await rejection(ai.generateText({ model: first, prompt: 'x' }));
    expect((error as Error).name).toBe('AI_RetryError');
    expect(BudgetExceededError.is(error)).toBe(true);
    expect(BudgetExceededError.find(error)?.ruleName).toBe('daily');
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toMatchObject([{ stopReason: 'ERROR', errorCode: 429, totalTokenCount: 0 }]);
  });
});
