import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AiModel,
  fusewireImageMiddleware,
  fusewireMiddleware,
  guardEmbeddingModel,
  guardImageModel,
  guardRerankingModel,
  guardSpeechModel,
  guardTranscriptionModel,
  isInitialized,
} from '../../src/ai-sdk.js';
import { FusewireError } from '../../src/errors.js';
import { createFusewire } from '../../src/instance.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { instanceOn, MAJORS } from '../helpers/ai-sdk-majors.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { HEARD, SOUND } from '../helpers/stub-provider-media.js';

let stub: StubProvider;
let recording: RecordingPath;

beforeAll(async () => {
  stub = await startStubProvider();
});
beforeEach(() => {
  stub.reset();
  recording = createRecordingPath();
});
afterAll(() => stub.close());

const options = () => ({ instance: instanceOn(recording) });

describe.each(MAJORS)('images and sound through ai $major', ({ ai, openai, major }) => {
  const provider = () => openai(`${stub.url}/v1`);
  const generateImage = ai.experimental_generateImage ?? ai.generateImage;

  it('meters images, by tokens where the answer counts them', async () => {
    const image = provider().image('gpt-image-1');
    const models = [guardImageModel(image, options())];
    if (major > 5) {
      models.push(ai.wrapImageModel({ model: image, middleware: fusewireImageMiddleware(options()) }) as typeof image);
    }
    for (const model of models) {
      recording.events.length = 0;
      const answer = await generateImage({ model, prompt: 'a cat', n: 2, size: '1024x1536' });
      expect(answer.images).toHaveLength(2);
      expect(recording.events).toMatchObject([
        {
          operationType: 'IMAGE',
          operationSubtype: 'generation',
          provider: 'OPENAI',
          model: 'gpt-image-1',
          requestedImageCount: 2,
          actualImageCount: 2,
          resolution: '1024x1536',
          attributes: { usageState: 'reported', endpoint: 'ai-sdk.image' },
        },
      ]);
      if (major > 5) expect(recording.events[0]).toMatchObject({ totalTokenCount: 1_266, billingUnit: 'PER_TOKEN' });
    }
  });

  it('meters speech by its characters, transcripts by their seconds', async () => {
    const speech = guardSpeechModel(provider().speech('tts-1'), options());
    const spoken = await ai.experimental_generateSpeech({ model: speech, text: 'Budgets 🐈', voice: 'alloy' });
    expect(Buffer.from(spoken.audio.uint8Array)).toEqual(SOUND);
    const model = guardTranscriptionModel(provider().transcription('whisper-1'), options());
    const transcript = await ai.experimental_transcribe({ model, audio: new Uint8Array([82, 73, 70, 70, 1, 2]) });
    expect(transcript.text).toBe(HEARD);
    const heard = transcript.durationInSeconds;
    const tts = { operationSubtype: 'tts', characterCount: 9, billingUnit: 'PER_CHARACTER', voice: 'alloy' };
    expect(recording.events).toMatchObject([
      { operationType: 'AUDIO', ...tts, attributes: { usageState: 'reported' } },
      {
        operationType: 'AUDIO',
        operationSubtype: 'transcription',
        ...(heard === undefined ? {} : { durationSeconds: heard }),
        // Without a duration nobody knows what was heard: unknown, not free (I5).
        attributes: { usageState: heard === undefined ? 'unknown' : 'reported' },
      },
    ]);
    const counted = guardTranscriptionModel(provider().transcription('gpt-4o-transcribe'), options());
    await ai.experimental_transcribe({ model: counted, audio: new Uint8Array([82, 73, 70, 70, 1, 2]) });
    expect(recording.events[2]).toMatchObject({
      totalTokenCount: 49,
      inputAudioTokenCount: 35,
      billingUnit: 'PER_TOKEN',
    });
    expect(recording.open.size + recording.timers()).toBe(0);
  });

  it('meters a failed image once, as nothing made', async () => {
    stub.faults.push({ status: 400, message: 'no cats' });
    const model = guardImageModel(provider().image('gpt-image-1'), options());
    await expect(generateImage({ model, prompt: 'a cat', maxRetries: 0 })).rejects.toThrow('no cats');
    expect(recording.events).toMatchObject([{ stopReason: 'ERROR', errorCode: 400, actualImageCount: 0 }]);
  });
});

describe('a guarded model', () => {
  class Embedder implements AiModel {
    readonly #secret = 'kept';
    readonly specificationVersion = 'v3';
    readonly provider = 'openai.embedding';
    readonly modelId = 'e-1';
    get maxEmbeddingsPerCall(): number {
      return this.#secret.length;
    }
    supportsParallelCalls = true;
    async doEmbed(given: { values: string[]; providerOptions?: object }) {
      return { embeddings: given.values.map(() => [this.#secret.length]), usage: { tokens: 3 }, given, warnings: [] };
    }
  }

  it('stays what it is: class, getters, private fields; the model itself is untouched', async () => {
    const model = new Embedder();
    const guarded = guardEmbeddingModel(model, options());
    expect(guarded).toBeInstanceOf(Embedder);
    expect([guarded.maxEmbeddingsPerCall, guarded.modelId, guarded.supportsParallelCalls]).toEqual([4, 'e-1', true]);
    const asked = { values: ['x'], providerOptions: { fusewire: { agent: 'a' }, openai: { user: 'u' } } };
    const answer = await guarded.doEmbed(asked);
    expect(answer.embeddings).toEqual([[4]]);
    expect(answer.given.providerOptions).toEqual({ openai: { user: 'u' } });
    expect(asked.providerOptions).toHaveProperty('fusewire');
    expect(recording.events).toMatchObject([{ inputTokenCount: 3, agent: 'a' }]);
    await model.doEmbed({ values: ['x'] });
    expect(recording.events).toHaveLength(1);
    expect(guarded.doEmbed).toBe(guarded.doEmbed);
  });

  it('is guarded in both doors: speech and transcripts that are streamed, as ai 7 does', async () => {
    const finish = { type: 'finish', text: 'x', segments: [], durationInSeconds: 12.5, usage: { inputCharacters: 7 } };
    const model = {
      provider: 'acme.speech',
      modelId: 's-1',
      doGenerate: async () => ({}),
      doStream: async (_given: object) => ({ stream: ReadableStream.from([{ type: 'stream-start' }, finish]) }),
    };
    for (const guarded of [guardSpeechModel(model, options()), guardTranscriptionModel(model, options())]) {
      const { stream } = await guarded.doStream({ text: new ReadableStream() });
      const seen: unknown[] = [];
      for await (const part of stream) seen.push(part);
      expect(seen).toEqual([{ type: 'stream-start' }, finish]);
    }
    expect(recording.events).toMatchObject([
      {
        operationSubtype: 'tts',
        characterCount: 7,
        isStreamed: true,
        attributes: { endpoint: 'ai-sdk.speech.stream' },
      },
      { operationSubtype: 'transcription', durationSeconds: 12.5, isStreamed: true },
    ]);
    recording.refuse();
    await expect(guardSpeechModel(model, options()).doStream({})).rejects.toThrow('the budget is used up');
  });

  it('may be frozen', async () => {
    const doRerank = async () => ({ ranking: [{ index: 0, relevanceScore: 1 }] });
    const model = Object.freeze({ provider: 'cohere.reranking', modelId: 'rerank-v3.5', doRerank });
    const guarded = guardRerankingModel(model, options());
    const asked = { query: 'why', documents: { type: 'text', values: ['because', 'so'] } };
    expect(await (guarded.doRerank as (given: object) => Promise<object>)(asked)).toMatchObject({ ranking: [{}] });
    expect(recording.events).toMatchObject([
      {
        operationType: 'RERANK',
        provider: 'COHERE',
        attributes: { usageState: 'estimated', endpoint: 'ai-sdk.rerank' },
      },
    ]);
    expect(recording.events[0]?.inputTokenCount).toBeGreaterThan(0);
  });
});

describe('the options', () => {
  it('that are wrong are all named where they are given', () => {
    const wrong = { instance: {}, usageMetadata: 7, retries: 3 } as never;
    for (const make of [() => fusewireMiddleware(wrong), () => guardEmbeddingModel(new Map() as never, wrong)]) {
      let thrown: unknown;
      try {
        make();
      } catch (error) {
        thrown = error;
      }
      expect(FusewireError.is(thrown)).toBe(true);
      expect((thrown as FusewireError).problems).toHaveLength(3);
    }
  });

  it('say that the instance guards the AI SDK', async () => {
    const instance = createFusewire({ apiKey: 'hak_test' });
    expect(instance.isInitialized('ai-sdk')).toBe(false);
    fusewireMiddleware({ instance });
    expect(instance.isInitialized('ai-sdk')).toBe(true);
    await instance.close();
    expect(isInitialized()).toBe(false);
  });

  it('give metadata that a scope beats, and a call beats both', async () => {
    const usageMetadata = { agent: 'layer', taskType: 'layer', traceId: 'layer' };
    const { wrapGenerate } = fusewireMiddleware({ ...options(), usageMetadata });
    const model = { provider: 'acme.chat', modelId: 'm' };
    const params = { providerOptions: { fusewire: { trace_id: 'call' } } };
    const doGenerate = async () => ({ content: [] });
    await withUsageMetadata({ taskType: 'scope', traceId: 'scope' }, () => wrapGenerate({ model, params, doGenerate }));
    expect(recording.events).toMatchObject([{ agent: 'layer', taskType: 'scope', traceId: 'call' }]);
  });
});

describe('what is ours and fails', () => {
  it('I2: does not cost the call', async () => {
    const instance = instanceOn(recording);
    const { wrapGenerate, wrapStream } = fusewireMiddleware({ instance });
    const broken = { provider: 'acme.chat', modelId: 'm' };
    const params = {
      get prompt(): never {
        throw new Error('a getter of the caller');
      },
      get abortSignal(): never {
        throw new Error('another');
      },
    };
    const answer = { content: [{ type: 'text', text: 'hi' }] };
    expect(await wrapGenerate({ model: broken, params, doGenerate: async () => answer })).toBe(answer);
    recording.path.admit = () => {
      throw new TypeError('a mistake of ours');
    };
    const streamed = { stream: new ReadableStream() };
    expect(await wrapStream({ model: broken, params: {}, doStream: async () => streamed })).toBe(streamed);
    expect(recording.logged.join()).toContain('please report this');
  });
});
