import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentGoogle, isGoogleClient } from '../../src/instrument/google.js';
import { type Client, MAJORS, optionsFor } from '../helpers/google-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubGoogle, startStubGoogle } from '../helpers/stub-google.js';

const TEXT = { model: 'gemini-2.5-flash', contents: 'hi' };

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

/** What a program can see of a value, dates of headers aside. */
const seen = (value: unknown) => JSON.parse(JSON.stringify(value).replace(/"date":"[^"]*"/g, '"date":""')) as unknown;

async function drained(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const tool = {
  tool: async () => ({ functionDeclarations: [{ name: 'weather' }] }),
  callTool: async () => [{ functionResponse: { name: 'weather', response: { sky: 'blue' } } }],
};

/** Calls whose requests and answers must be those of a bare client. */
const CALLS: Record<string, (client: Client) => Promise<unknown>> = {
  generateContent: (client) => client.models.generateContent(TEXT),
  'generateContent with a config': (client) => {
    const httpOptions = { headers: { 'x-mine': '1' }, extraBody: { labels: { a: 'b' } } };
    const config = { temperature: 0.5, systemInstruction: 'brief', maxOutputTokens: 9, httpOptions };
    return client.models.generateContent({ ...TEXT, config });
  },
  'generateContent with tools': (client) => client.models.generateContent({ ...TEXT, config: { tools: [tool] } }),
  generateContentStream: async (client) => drained(await client.models.generateContentStream(TEXT)),
  'generateContentStream with tools': async (client) =>
    drained(await client.models.generateContentStream({ ...TEXT, config: { tools: [tool] } })),
  embedContent: (client) => client.models.embedContent({ model: 'gemini-embedding-001', contents: ['a', 'b'] }),
  countTokens: (client) => client.models.countTokens(TEXT),
  chat: async (client) => {
    const chat = client.chats.create({ model: TEXT.model, config: { temperature: 0.1 } });
    const first = await chat.sendMessage({ message: 'hi' });
    const second = await drained(await chat.sendMessageStream({ message: 'again', config: { topK: 2 } }));
    return [first, second, chat.getHistory()];
  },
  'caches.create': (client) => client.caches.create({ model: TEXT.model, config: { contents: 'long' } }),
  'caches.create without a config': (client) => client.caches.create({ model: TEXT.model }),
  'batches.create': (client) =>
    client.batches.create({ model: TEXT.model, src: [{ contents: [{ parts: [{ text: 'a' }] }] }] }),
  'interactions.create': (client) => client.interactions.create({ model: TEXT.model, input: 'hi' }),
  'generateImages and generateVideos': async (client) => {
    if (!client.vertexai) return 'on Vertex AI only';
    const images = await client.models.generateImages({ model: 'imagen-4.0-generate-001', prompt: 'a cat' });
    const video = await client.models.generateVideos({ model: 'veo-3.0-generate-001', prompt: 'a cat' });
    return [images, video];
  },
  'interactions.create, streamed': async (client) =>
    drained(await client.interactions.create({ model: TEXT.model, input: 'hi', stream: true })),
};

describe.each(MAJORS)('@google/genai $major', (major) => {
  const bare = (vertexai = false, httpOptions: object = {}) =>
    new major.Esm(optionsFor(stub.url, vertexai, httpOptions));
  const guarded = (vertexai = false, httpOptions: object = {}) =>
    instrumentGoogle(bare(vertexai, httpOptions), recording.path, recording.runtime);

  it.each(Object.entries(CALLS))('I3: request and answer of %s are those of a bare client', async (name, call) => {
    for (const vertexai of /^(interactions|batches)/.test(name) ? [false] : [false, true]) {
      const expected = seen(await call(bare(vertexai)));
      const sent = seen(stub.requests);
      stub.reset();
      expect(seen(await call(guarded(vertexai)))).toEqual(expected);
      expect(seen(stub.requests)).toEqual(sent);
      stub.reset();
    }
  });

  it('I3: answers keep their class, streams their kind, methods their names', async () => {
    const client = guarded();
    const plain = bare();
    const [mine, theirs] = [await client.models.generateContent(TEXT), await plain.models.generateContent(TEXT)];
    expect(mine.constructor.name).toBe(theirs.constructor.name);
    expect(mine.text).toBe('hello');
    const [stream, other] = [
      await client.models.generateContentStream(TEXT),
      await plain.models.generateContentStream(TEXT),
    ];
    expect(stream[Symbol.asyncIterator]()).toBe(stream);
    expect(Object.keys(stream)).toEqual(Object.keys(other).filter((key) => Object.keys(stream).includes(key)));
    expect(client.models.generateContent.name).toBe('generateContent');
    expect(client.models.generateContent.length).toBe(plain.models.generateContent.length);
    expect(Object.keys(client.models).sort()).toEqual(Object.keys(plain.models).sort());
    expect(client).toBeInstanceOf(major.Esm);
    await drained(stream);
    await drained(other);
  });

  it('I3: chunks arrive when they are sent', async () => {
    stub.faults.push('hold');
    const stream = await guarded().models.generateContentStream(TEXT);
    expect((await stream.next()).value?.text).toBe('one ');
    expect((await stream.next()).value?.text).toBe('two ');
    stub.release();
    expect(await drained(stream)).toHaveLength(2);
  });

  it('I2: the caller’s objects stay as they are, frozen ones too', async () => {
    const config = Object.freeze({
      temperature: 0.2,
      httpOptions: Object.freeze({ headers: Object.freeze({ a: 'b' }) }),
    });
    const params = Object.freeze({ ...TEXT, config, usageMetadata: { agent: 'a' } });
    await guarded().models.generateContent(params as never);
    expect(params).toEqual({ ...TEXT, config, usageMetadata: { agent: 'a' } });
    expect(recording.events).toMatchObject([{ agent: 'a' }]);
  });

  it('I2: the client’s own errors pass as they are', async () => {
    const errorOf = async (client: Client) => {
      try {
        await client.models.generateContent(undefined as never);
      } catch (error) {
        return error as Error;
      }
      return undefined;
    };
    const [mine, theirs] = [await errorOf(guarded()), await errorOf(bare())];
    expect(mine?.message).toBe(theirs?.message);
    stub.faults.push({ status: 400, message: 'no' }, { status: 400, message: 'no' });
    const status = async (client: Client) =>
      client.models
        .generateContent(TEXT)
        .catch((error: Error) => [error.name, error.message, Reflect.get(error, 'status')]);
    expect(await status(guarded())).toEqual(await status(bare()));
  });

  it('I2: errors of retries are those of a bare client', async () => {
    if (major.major > 1) return;
    const options = { retryOptions: { attempts: 1 } };
    for (const code of [503, 400]) {
      const outcome = async (client: Client) => {
        stub.faults.push({ status: code });
        return client.models.generateContent(TEXT).catch((error: Error) => ({ ...error, message: error.message }));
      };
      expect(await outcome(guarded(false, options))).toEqual(await outcome(bare(false, options)));
    }
  });

  it('guards once, also when asked twice; a frozen client stays as it is', async () => {
    const client = guarded();
    const other = createRecordingPath();
    expect(instrumentGoogle(client, other.path, other.runtime)).toBe(client);
    await client.models.generateContent(TEXT);
    expect(recording.events).toHaveLength(1);
    expect(other.events).toHaveLength(0);
    const frozen = Object.freeze(bare());
    instrumentGoogle(frozen, other.path, other.runtime);
    expect(other.logged.join()).toContain('frozen');
    await frozen.models.generateContent(TEXT);
  });

  it('I11: two clients with different instances do not see each other', async () => {
    const other = createRecordingPath();
    const second = instrumentGoogle(bare(), other.path, other.runtime);
    await Promise.all([guarded().models.generateContent(TEXT), second.models.generateContent(TEXT)]);
    expect(recording.events).toHaveLength(1);
    expect(other.events).toHaveLength(1);
  });

  it('is recognised by its parts, in every build', () => {
    for (const Class of [major.Esm, major.CommonJs, major.Web]) {
      expect(isGoogleClient(new Class({ apiKey: 'k' }))).toBe(true);
      expect(isGoogleClient(new (class extends Class {})({ apiKey: 'k' }))).toBe(true);
    }
    for (const other of [{}, null, { models: {} }, { models: { generateContent() {} }, apiClient: {} }]) {
      expect(isGoogleClient(other)).toBe(false);
    }
  });
});
