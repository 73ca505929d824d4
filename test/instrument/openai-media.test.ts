/** Images, sound, film and moderations through the real clients: refused, metered, untouched. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { HEARD, SOUND, SUBTITLES } from '../helpers/stub-provider-media.js';

const file = (name: string) => new File([Buffer.from('RIFFdata')], name, { type: 'application/octet-stream' });
const SPEECH = { model: 'tts-1', input: 'Budgets 🌊 fail.', voice: 'alloy', response_format: 'mp3' } as const;
const HEAR = { model: 'gpt-4o-transcribe', language: 'en' } as const;
const hear = (body: object) => ({ ...HEAR, file: file('a.wav'), ...body });

interface Case {
  readonly call: (client: Client) => PromiseLike<unknown>;
  /** The first major whose client has the method. */
  readonly since?: number;
  readonly event: object;
  readonly unknown?: true;
}

const drain = async (stream: AsyncIterable<unknown>) => {
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

const IMAGE = { operationType: 'IMAGE', stopReason: 'END', isStreamed: false };
const GPT_IMAGE = { inputTokenCount: 210, outputTokenCount: 1_056, totalTokenCount: 1_266, billingUnit: 'PER_TOKEN' };
const AUDIO = { operationType: 'AUDIO', stopReason: 'END' };
const VIDEO = { operationType: 'VIDEO', asyncOperation: true, billingUnit: 'PER_SECOND' };

/** Every way in which media are made or heard, and the event that is to come of it. */
const CASES: Readonly<Record<string, Case>> = {
  'images.generate': {
    call: (c) =>
      c.images.generate({ model: 'dall-e-3', prompt: 'a cat', n: 2, size: '1024x1024', quality: 'hd', style: 'vivid' }),
    event: {
      ...IMAGE,
      operationSubtype: 'generation',
      requestedImageCount: 2,
      actualImageCount: 2,
      billingUnit: 'PER_IMAGE',
      resolution: '1024x1024',
      quality: 'hd',
      style: 'vivid',
      revisedPromptProvided: true,
    },
  },
  'images.generate, by tokens': {
    call: (c) => c.images.generate({ model: 'gpt-image-1', prompt: 'a cat', size: 'auto', quality: 'auto' }),
    // What `auto` came to is in the answer.
    event: {
      ...IMAGE,
      ...GPT_IMAGE,
      requestedImageCount: 1,
      actualImageCount: 1,
      resolution: '1024x1536',
      quality: 'medium',
      format: 'png',
      attributes: { usageState: 'reported', inputImageTokens: 194 },
    },
  },
  'images.generate, streamed': {
    call: async (c) =>
      drain(await c.images.generate({ model: 'gpt-image-1', prompt: 'a cat', stream: true, partial_images: 2 })),
    event: { ...IMAGE, ...GPT_IMAGE, isStreamed: true, actualImageCount: 1, resolution: '1024x1024' },
  },
  'images.edit': {
    call: (c) => c.images.edit({ model: 'gpt-image-1', image: file('a.png'), prompt: 'blue', n: 2 }),
    event: { ...IMAGE, ...GPT_IMAGE, operationSubtype: 'edit', sourceImageProvided: true, actualImageCount: 2 },
  },
  'images.edit, streamed': {
    call: async (c) =>
      drain(await c.images.edit({ model: 'gpt-image-1', image: file('a.png'), prompt: 'blue', stream: true })),
    event: { ...IMAGE, ...GPT_IMAGE, operationSubtype: 'edit', isStreamed: true, actualImageCount: 1 },
  },
  'images.createVariation': {
    call: (c) => c.images.createVariation({ model: 'dall-e-2', image: file('a.png'), n: 3 }),
    event: { ...IMAGE, operationSubtype: 'variation', sourceImageProvided: true, actualImageCount: 3 },
  },
  'audio.speech.create': {
    call: async (c) => (await c.audio.speech.create(SPEECH)).arrayBuffer(),
    event: {
      ...AUDIO,
      operationSubtype: 'tts',
      characterCount: 15,
      voice: 'alloy',
      audioFormat: 'mp3',
      billingUnit: 'PER_CHARACTER',
    },
  },
  'audio.speech.create, as events': {
    call: async (c) =>
      (await c.audio.speech.create({ ...SPEECH, model: 'gpt-4o-mini-tts', stream_format: 'sse' })).text(),
    event: {
      ...AUDIO,
      isStreamed: true,
      inputTokenCount: 14,
      outputTokenCount: 101,
      outputAudioTokenCount: 101,
      billingUnit: 'PER_TOKEN',
    },
  },
  'audio.transcriptions.create': {
    call: (c) => c.audio.transcriptions.create(hear({})),
    event: {
      ...AUDIO,
      operationSubtype: 'transcription',
      model: 'gpt-4o-transcribe',
      language: 'en',
      inputTokenCount: 37,
      outputTokenCount: 12,
      totalTokenCount: 49,
      inputAudioTokenCount: 35,
      billingUnit: 'PER_TOKEN',
    },
  },
  'audio.transcriptions.create, streamed': {
    call: async (c) => drain(await c.audio.transcriptions.create({ ...hear({}), stream: true })),
    event: { ...AUDIO, isStreamed: true, totalTokenCount: 49, inputAudioTokenCount: 35 },
  },
  'audio.transcriptions.create, with its duration': {
    call: (c) => c.audio.transcriptions.create(hear({ model: 'whisper-1', response_format: 'verbose_json' as const })),
    event: { ...AUDIO, durationSeconds: 43, language: 'english', billingUnit: 'PER_MINUTE', totalTokenCount: 0 },
  },
  'audio.transcriptions.create, as subtitles': {
    call: (c) => c.audio.transcriptions.create(hear({ model: 'whisper-1', response_format: 'srt' as const })),
    event: { ...AUDIO, durationSeconds: 63.4, billingUnit: 'PER_MINUTE', attributes: { usageState: 'estimated' } },
  },
  'audio.transcriptions.create, as WebVTT': {
    call: (c) => c.audio.transcriptions.create(hear({ model: 'whisper-1', response_format: 'vtt' as const })),
    event: { ...AUDIO, durationSeconds: 42.12, attributes: { usageState: 'estimated' } },
  },
  'audio.transcriptions.create, as plain text': {
    call: (c) => c.audio.transcriptions.create(hear({ model: 'whisper-1', response_format: 'text' as const })),
    // Nobody says how long the recording was: unknown, not free (I5).
    event: { ...AUDIO, responseFormat: 'text', attributes: { usageState: 'unknown' } },
  },
  'audio.translations.create': {
    call: (c) => c.audio.translations.create({ model: 'whisper-1', file: file('a.wav') }),
    event: { ...AUDIO, operationSubtype: 'translation', targetLanguage: 'en', attributes: { usageState: 'unknown' } },
  },
  'moderations.create': {
    call: (c) => c.moderations.create({ model: 'omni-moderation-latest', input: 'be nice' }),
    event: {
      operationType: 'MODERATION',
      model: 'omni-moderation-2024-09-26',
      inputTokenCount: 2,
      outputTokenCount: 0,
      attributes: { usageState: 'estimated', requestedModel: 'omni-moderation-latest' },
    },
  },
  'videos.create': {
    since: 6,
    call: (c) => c.videos.create({ model: 'sora-2', prompt: 'a cat', seconds: '8', size: '1280x720' }),
    event: {
      ...VIDEO,
      operationSubtype: 'generation',
      durationSeconds: 8,
      requestedDurationSeconds: 8,
      resolution: '1280x720',
      videoJobId: 'video_1',
      transactionId: 'video_1',
      attributes: { usageState: 'estimated' },
    },
  },
  'videos.remix': {
    since: 6,
    call: (c) => c.videos.remix('video_0', { prompt: 'a dog' }),
    event: { ...VIDEO, operationSubtype: 'edit', model: 'sora-2', durationSeconds: 4 },
  },
  'responses.compact': {
    since: 6,
    call: (c) => c.responses.compact({ model: 'gpt-5' as never, input: 'x' }),
    event: { operationType: 'CHAT', inputTokenCount: 21, outputTokenCount: 9, transactionId: 'resp_1' },
  },
};

let stub: StubProvider;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());
beforeEach(() => {
  recording = createRecordingPath();
  stub.reset();
});
afterEach(() => expect(recording.open.size).toBe(0));

const only = () => {
  expect(recording.events).toHaveLength(1);
  return recording.events[0]!;
};

describe.each(MAJORS)('openai $major', ({ major, OpenAI }) => {
  const bare = (options: object = {}): Client => new OpenAI({ apiKey: 'k', baseURL: `${stub.url}/v1`, ...options });
  const guard = (options: object = {}) =>
    instrumentOpenAI(bare(options), recording.path, { uniqueIds: true }, recording.runtime);
  const names = Object.keys(CASES).filter((name) => (CASES[name]?.since ?? 0) <= major);

  it.each(names)('I1: a refused %s sends nothing and throws the error itself', async (name) => {
    recording.refuse();
    const call = Promise.resolve().then(() => CASES[name]!.call(guard()));
    await expect(call).rejects.toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(0);
    expect(recording.events).toHaveLength(0);
    expect(recording.refusals).toBe(1);
  });

  it.each(names)('I4, I5: %s is one event that says what was made', async (name) => {
    await CASES[name]!.call(guard());
    expect(only()).toMatchObject(CASES[name]!.event);
    expect(only().attributes?.['unknownEndpoint']).toBeUndefined();
  });

  it.each(names)('I3: the answer of %s is what it is without us', async (name) => {
    const expected = await CASES[name]!.call(bare());
    stub.reset();
    expect(await CASES[name]!.call(guard())).toEqual(expected);
  });

  it('I3: sound comes byte by byte as it is, through each of its doors, and is not kept', async () => {
    const client = guard();
    const bytes = new Uint8Array(SOUND);
    expect(new Uint8Array(await (await client.audio.speech.create(SPEECH)).arrayBuffer())).toEqual(bytes);
    const blob = await (await client.audio.speech.create(SPEECH)).blob();
    expect([blob.type, new Uint8Array(await blob.arrayBuffer())]).toEqual(['audio/mpeg', bytes]);
    const parts = await drain((await client.audio.speech.create(SPEECH)).body as unknown as AsyncIterable<unknown>);
    expect(new Uint8Array(Buffer.concat(parts as Uint8Array[]))).toEqual(bytes);
    expect(recording.events).toHaveLength(3);
  });

  it('I3: subtitles come as text', async () => {
    const srt = { ...hear({}), response_format: 'srt' as const };
    expect(await guard().audio.transcriptions.create(srt)).toBe(SUBTITLES);
    only();
  });

  it('I4: sound that nobody reads is metered after a minute, with its characters as an estimate', async () => {
    await guard().audio.speech.create(SPEECH);
    recording.advance(60_000);
    expect(only()).toMatchObject({ characterCount: 15, stopReason: 'CANCELLED' });
    expect(only().attributes).toMatchObject({ usageState: 'estimated', end: 'abandoned' });
  });

  it('I5: sound of a model that is billed by tokens has characters, and no unit that they would be billed by', async () => {
    await (await guard().audio.speech.create({ ...SPEECH, model: 'gpt-4o-mini-tts' })).arrayBuffer();
    expect(only()).toMatchObject({ characterCount: 15, totalTokenCount: 0 });
    expect(only().billingUnit).toBeUndefined();
  });

  it('I5: an error answer made nothing', async () => {
    stub.faults.push({ status: 400, message: 'no such size' }, { status: 404, message: 'no such model' });
    const client = guard({ maxRetries: 0 });
    await expect(client.images.generate({ model: 'dall-e-3', prompt: 'x', n: 2 })).rejects.toThrow('no such size');
    await expect(client.audio.speech.create(SPEECH)).rejects.toThrow('no such model');
    expect(recording.events).toMatchObject([
      { errorCode: 400, requestedImageCount: 2, actualImageCount: 0, errorReason: 'no such size' },
      { errorCode: 404, stopReason: 'ERROR', durationSeconds: 0, errorReason: 'no such model' },
    ]);
  });

  it('I5: images that were asked for count where the connection broke, as an estimate', async () => {
    stub.faults.push('cut');
    const client = guard({ maxRetries: 0 });
    await expect(client.images.generate({ model: 'dall-e-3', prompt: 'x', n: 2 })).rejects.toThrow();
    expect(only()).toMatchObject({ actualImageCount: 2, billingUnit: 'PER_IMAGE', stopReason: 'ERROR' });
    expect(only().attributes?.['usageState']).toBe('estimated');
  });

  it('I5: of images that came one by one, the missing ones count like those that came', async () => {
    stub.faults.push('hold');
    const body = { model: 'gpt-image-1', prompt: 'x', n: 3, stream: true, partial_images: 1 } as const;
    for await (const event of await guard().images.generate(body)) if (event.type.endsWith('completed')) break;
    expect(only()).toMatchObject({ actualImageCount: 3, totalTokenCount: 3 * 1_266, stopReason: 'CANCELLED' });
    expect(only().attributes?.['usageState']).toBe('estimated');
  });

  it('a cancelled transcription is metered as far as it is known', async () => {
    stub.faults.push('hold');
    for await (const event of await guard().audio.transcriptions.create({ ...hear({}), stream: true })) {
      if (event.type === 'transcript.text.delta') break;
    }
    expect(only()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'unknown' } });
  });

  it('metadata goes to the event and the guard, never to the provider', async () => {
    const client = guard();
    const usageMetadata = { agent: 'painter' };
    await client.images.generate({ model: 'dall-e-3', prompt: 'x', ...{ usageMetadata } });
    await client.images.edit({ model: 'dall-e-2', prompt: 'x', image: file('a.png'), ...{ usageMetadata } });
    await (await client.audio.speech.create({ ...SPEECH, ...{ usageMetadata } })).arrayBuffer();
    await client.audio.transcriptions.create(hear({ usageMetadata }));
    expect(recording.events.map(({ agent }) => agent)).toEqual(Array.from({ length: 4 }, () => 'painter'));
    expect(recording.decided.map(({ agent }) => agent)).toEqual(Array.from({ length: 4 }, () => 'painter'));
    for (const { text } of stub.requests) expect(text).not.toMatch(/usage_?metadata/i);
    expect(stub.requests[3]!.body).toMatchObject({ model: 'gpt-4o-transcribe', language: 'en' });
  });

  it('a retry is an attempt of its own', async () => {
    stub.faults.push({ status: 503, headers: { 'retry-after-ms': '1' } });
    expect((await guard({ maxRetries: 1 }).audio.transcriptions.create(hear({}))).text).toBe(HEARD);
    expect(recording.events.map(({ errorCode }) => errorCode)).toEqual([503, undefined]);
    expect(recording.decided).toHaveLength(2);
  });

  it('reads of videos are free, and pass while calls are refused', async () => {
    recording.refuse();
    await guard().get('/videos/video_1');
    await guard().get('/videos/video_1/content');
    expect(stub.requests).toHaveLength(2);
    expect(recording.events).toHaveLength(0);
  });
});
