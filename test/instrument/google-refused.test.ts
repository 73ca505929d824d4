import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentGoogle } from '../../src/instrument/google.js';
import { type Client, MAJORS, optionsFor } from '../helpers/google-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubGoogle, startStubGoogle } from '../helpers/stub-google.js';

const TEXT = { model: 'gemini-2.5-flash', contents: 'hi' };
const IMAGE = { imageBytes: 'aGk=', mimeType: 'image/png' };
const PROMPT = { model: 'imagen-4.0-generate-001', prompt: 'a cat' };
const INTERACTION = { model: 'gemini-2.5-flash', input: 'hi' };

/** A tool that the client calls by itself. */
const callable = (calls: unknown[] = []) => ({
  tool: async () => ({ functionDeclarations: [{ name: 'weather', description: 'd' }] }),
  callTool: async (given: unknown) => {
    calls.push(given);
    return [{ functionResponse: { name: 'weather', response: { sky: 'blue' } } }];
  },
});
const withTool = () => ({ ...TEXT, config: { tools: [callable()] } });

type Path = (client: Client) => unknown;

/** Every way in which a caller can reach a model through this client. */
const PATHS: Record<string, Path> = {
  'models.generateContent': (client) => client.models.generateContent(TEXT),
  'models.generateContent with tools': (client) => client.models.generateContent(withTool()),
  'models.generateContentStream': (client) => client.models.generateContentStream(TEXT),
  'models.generateContentStream with tools': (client) => client.models.generateContentStream(withTool()),
  'models.embedContent': (client) => client.models.embedContent({ model: 'gemini-embedding-001', contents: 'hi' }),
  'chats.sendMessage': (client) => client.chats.create({ model: TEXT.model }).sendMessage({ message: 'hi' }),
  'chats.sendMessageStream': (client) =>
    client.chats.create({ model: TEXT.model }).sendMessageStream({ message: 'hi' }),
  'caches.create': (client) => client.caches.create({ model: TEXT.model, config: { contents: 'long' } }),
};
const GEMINI_PATHS: Record<string, Path> = {
  'batches.create': (client) =>
    client.batches.create({ model: TEXT.model, src: [{ contents: [{ parts: [{ text: 'a' }] }] }] }),
  'interactions.create': (client) => client.interactions.create(INTERACTION),
  'interactions.create, streamed': (client) => client.interactions.create({ ...INTERACTION, stream: true }),
  'interactions.create, in the background': (client) =>
    client.interactions.create({ ...INTERACTION, background: true }),
};
/** The Gemini API's own, which its later clients gave up. */
const MEDIA_PATHS: Record<string, Path> = {
  'models.generateImages': (client) => client.models.generateImages(PROMPT),
  'models.generateVideos': (client) => client.models.generateVideos({ model: 'veo-3.0-generate-001', prompt: 'a cat' }),
};
const VERTEX_PATHS: Record<string, Path> = {
  ...MEDIA_PATHS,
  'models.editImage': (client) =>
    client.models.editImage({ ...PROMPT, referenceImages: [{ toReferenceImageAPI: () => ({}) } as never] }),
  'models.upscaleImage': (client) =>
    client.models.upscaleImage({ model: 'imagen-4.0-upscale-preview', image: IMAGE, upscaleFactor: 'x2' }),
  'models.embedContent of a text model': (client) =>
    client.models.embedContent({ model: 'text-embedding-005', contents: ['a', 'b'] }),
};

let stub: StubGoogle;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubGoogle();
});
afterAll(() => stub.close());
beforeEach(() => {
  recording = createRecordingPath();
  recording.refuse();
  stub.reset();
});

async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function expectRefused(task: () => unknown, decisions = 1): Promise<void> {
  const error = await errorOf(task);
  expect(error).toBeInstanceOf(BudgetExceededError);
  expect(error).toMatchObject({ code: 'COST_LIMIT_EXCEEDED', ruleName: 'daily' });
  expect(stub.requests).toHaveLength(0);
  expect(recording.decided).toHaveLength(decisions);
  expect(recording.refusals).toBe(decisions);
  expect(recording.events).toHaveLength(0);
  expect(recording.open.size).toBe(0);
}

describe.each(MAJORS)('@google/genai $major', (major) => {
  const guarded = (vertexai: boolean, Class = major.Esm, httpOptions: object = {}) =>
    instrumentGoogle(new Class(optionsFor(stub.url, vertexai, httpOptions)), recording.path, recording.runtime);

  const geminiPaths = { ...PATHS, ...GEMINI_PATHS, ...(major.major === 1 ? MEDIA_PATHS : {}) };
  it.each(Object.entries(geminiPaths))(
    'I1: a refused %s sends nothing and throws the error itself',
    async (_name, path) => {
      const client = guarded(false);
      await expectRefused(() => path(client));
    },
  );

  it.each(Object.entries({ ...PATHS, ...VERTEX_PATHS }))(
    'I1: a refused %s sends nothing on Vertex AI either',
    async (_name, path) => {
      const client = guarded(true);
      await expectRefused(() => path(client));
    },
  );

  it.each(['CommonJs', 'Web'] as const)('I1: holds in the other build: %s', async (build) => {
    const client = guarded(false, major[build]);
    await expectRefused(() => client.models.generateContent(TEXT));
    await expectRefused(() => client.models.generateContentStream(TEXT), 2);
    await expectRefused(() => client.interactions.create(INTERACTION), 3);
  });

  it('I1: a refusal is not retried where the program asked for retries', async () => {
    const client = guarded(false, major.Esm, { retryOptions: { attempts: 4 } });
    await expectRefused(() => client.models.generateContent(TEXT));
    await expectRefused(() => client.models.generateContentStream(TEXT), 2);
    await expectRefused(() => client.interactions.create(INTERACTION), 3);
    expect(recording.timers()).toBe(0);
  });

  it('I1: the second request of automatic function calling is refused by itself', async () => {
    recording.allow();
    const client = guarded(false);
    const tool = callable();
    const { callTool } = tool;
    tool.callTool = (given) => {
      recording.refuse();
      return callTool(given);
    };
    const error = await errorOf(() => client.models.generateContent({ ...TEXT, config: { tools: [tool] } }));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toMatchObject([{ stopReason: 'END', totalTokenCount: 23 }]);
    expect(recording.refusals).toBe(1);
  });

  it('I1: so is the second request of a stream with automatic function calling', async () => {
    recording.allow();
    const client = guarded(false);
    const tool = callable();
    const { callTool } = tool;
    tool.callTool = (given) => {
      recording.refuse();
      return callTool(given);
    };
    const stream = await client.models.generateContentStream({ ...TEXT, config: { tools: [tool] } });
    const error = await errorOf(async () => {
      for await (const chunk of stream) expect(chunk).toBeDefined();
    });
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toHaveLength(1);
  });

  it('I1: a retry is decided anew, and refused it is the error itself', async () => {
    recording.allow();
    const options = { retryOptions: { attempts: 4, initialDelay: 0.01, jitter: 0 } };
    const client = guarded(false, major.Esm, options);
    stub.faults.push({ status: 503 }, { status: 503 });
    const pending = errorOf(() => client.models.generateContent(TEXT));
    while (recording.events.length === 0) await new Promise((resolve) => setImmediate(resolve));
    recording.refuse();
    recording.advance(1_000);
    const error = await pending;
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toMatchObject([{ stopReason: 'ERROR', errorCode: 503 }]);
  });

  it('counting tokens and listing are free: they pass while everything is refused', async () => {
    const client = guarded(false);
    await client.models.countTokens(TEXT);
    await client.caches.list();
    await client.models.get({ model: TEXT.model });
    expect(stub.requests).toHaveLength(3);
    expect(recording.decided).toHaveLength(0);
    expect(recording.events).toHaveLength(0);
  });

  it('decides by model, provider and metadata', async () => {
    const client = guarded(false);
    const usageMetadata = { organizationName: 'Northwind', agent: 'triage' };
    await errorOf(() =>
      client.models.generateContent({ ...TEXT, model: 'models/gemini-2.5-pro', usageMetadata } as never),
    );
    await errorOf(() =>
      client.chats.create({ model: 'gemini-2.5-pro', usageMetadata } as never).sendMessage({ message: 'a' }),
    );
    await errorOf(() => client.interactions.create({ ...INTERACTION, usageMetadata } as never));
    expect(recording.decided).toHaveLength(3);
    for (const call of recording.decided) {
      expect(JSON.stringify(call)).toContain('Northwind');
      expect(JSON.stringify(call)).toContain('triage');
      expect(JSON.stringify(call)).toMatch(/gemini-2.5-(pro|flash)/);
    }
  });
});
