import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fusewireEmbeddingMiddleware, fusewireMiddleware, guardEmbeddingModel } from '../../src/ai-sdk.js';
import { instanceOn, MAJORS } from '../helpers/ai-sdk-majors.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { TEXT } from '../helpers/stub-provider-answers.js';

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

describe.each(MAJORS)('ai $major through @ai-sdk/openai', ({ ai, openai, embeddingModel, major }) => {
  const { generateText, streamText, generateObject, streamObject, embed, embedMany, jsonSchema, tool } = ai;
  const middleware = () => fusewireMiddleware({ instance: instanceOn(recording) });
  const wrapped = (kind: 'chat' | 'responses') =>
    ai.wrapLanguageModel({ model: openai(`${stub.url}/v1`)[kind]('gpt-4o-mini'), middleware: middleware() });
  const city = jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } });
  const tools = { weather: tool({ description: 'the weather', inputSchema: city, execute: async () => 'rain' }) };

  it.each(['chat', 'responses'] as const)(
    'I4: generateText over %s is one event with the provider’s counts',
    async (kind) => {
      const answer = await generateText({ model: wrapped(kind), prompt: 'Hi', temperature: 0.5 });
      expect(answer.text).toBe(TEXT);
      expect(recording.decided).toMatchObject([{ model: 'gpt-4o-mini', provider: 'OPENAI' }]);
      expect(recording.events).toHaveLength(1);
      expect(recording.events[0]).toMatchObject({
        provider: 'OPENAI',
        modelSource: 'OPENAI',
        model: kind === 'chat' ? 'gpt-4o-mini-2026-01-01' : expect.stringContaining('gpt-4o-mini'),
        operationType: 'CHAT',
        stopReason: 'END',
        isStreamed: false,
        inputTokenCount: 21,
        outputTokenCount: 9,
        totalTokenCount: 30,
        reasoningTokenCount: 3,
        cacheReadTokenCount: 8,
        attributes: {
          usageState: 'reported',
          endpoint: 'ai-sdk.generate',
          end: 'completed',
          sdkProvider: `openai.${kind}`,
        },
      });
      expect(recording.events[0]?.attributes?.['providerResponseId']).toBe(answer.response.id);
      if (kind === 'chat') expect(recording.events[0]?.temperature).toBe(0.5);
      expect(recording.open.size + recording.timers()).toBe(0);
    },
  );

  it.each(['chat', 'responses'] as const)(
    'I3, I4: streamText over %s gives every part and is one event',
    async (kind) => {
      const bare = streamText({ model: openai(`${stub.url}/v1`)[kind]('gpt-4o-mini'), prompt: 'Hi' });
      const expected: string[] = [];
      for await (const part of bare.fullStream) expected.push(part.type);
      const answer = streamText({ model: wrapped(kind), prompt: 'Hi' });
      const types: string[] = [];
      let text = '';
      for await (const part of answer.fullStream) {
        types.push(part.type);
        if (part.type === 'text-delta') text += (part as { text: string }).text;
      }
      expect(types).toEqual(expected);
      expect(text).toBe(TEXT);
      expect(recording.events).toMatchObject([
        { isStreamed: true, stopReason: 'END', inputTokenCount: 21, outputTokenCount: 9, totalTokenCount: 30 },
      ]);
      expect(recording.events[0]?.attributes).toMatchObject({ usageState: 'reported', endpoint: 'ai-sdk.stream' });
      expect(recording.open.size + recording.timers()).toBe(0);
    },
  );

  it('meters each step of a tool loop as a call of its own', async () => {
    const options = { tools, stopWhen: ai.stepCountIs(3), prompt: 'How is the weather?' };
    await generateText({ model: wrapped('chat'), ...options });
    const streamed = streamText({ model: wrapped('chat'), ...options });
    await streamed.consumeStream();
    expect(stub.requests).toHaveLength(4);
    expect(recording.decided).toHaveLength(4);
    expect(recording.events.map(({ stopReason, operationSubtype }) => [stopReason, operationSubtype])).toEqual([
      ['END_SEQUENCE', 'function_call'],
      ['END', 'function_call'],
      ['END_SEQUENCE', 'function_call'],
      ['END', 'function_call'],
    ]);
  });

  it('meters objects, plain and streamed', async () => {
    const schema = jsonSchema<{ answer: number }>({ type: 'object', properties: { answer: { type: 'number' } } });
    const whole = await generateObject({ model: wrapped('chat'), schema, prompt: 'x' });
    expect(whole.object).toEqual({ answer: 42 });
    const streamed = streamObject({ model: wrapped('chat'), schema, prompt: 'x', onError: () => undefined });
    for await (const _ of streamed.fullStream);
    expect(recording.events.map(({ totalTokenCount }) => totalTokenCount)).toEqual([30, 30]);
  });

  it('meters embed, and each request of embedMany', async () => {
    const model = embeddingModel(openai(`${stub.url}/v1`), 'text-embedding-3-small');
    const guarded = guardEmbeddingModel(model, { instance: instanceOn(recording) });
    const models = [guarded];
    if (major > 5) {
      const instance = instanceOn(recording);
      models.push(
        ai.wrapEmbeddingModel({ model, middleware: fusewireEmbeddingMiddleware({ instance }) }) as typeof model,
      );
    }
    for (const one of models) {
      stub.reset();
      recording.events.length = 0;
      const { embedding } = await embed({ model: one, value: 'budget', providerOptions: { fusewire: { agent: 'a' } } });
      expect(embedding.length).toBeGreaterThan(0);
      const many = await embedMany({ model: one, values: Array.from({ length: 2100 }, (_, index) => `v${index}`) });
      expect(many.embeddings.length).toBeGreaterThan(0);
      expect(recording.events).toHaveLength(stub.requests.length);
      expect(recording.events.length).toBe(3);
      expect(recording.events[0]).toMatchObject({
        operationType: 'EMBED',
        model: 'text-embedding-3-small',
        outputTokenCount: 0,
        agent: 'a',
        attributes: { usageState: 'reported', endpoint: 'ai-sdk.embed' },
      });
      expect(recording.events[0]?.inputTokenCount).toBeGreaterThan(0);
    }
  });

  it('takes the metadata of a call, which no provider sees, over that of the middleware', async () => {
    const layered = ai.wrapLanguageModel({
      model: openai(`${stub.url}/v1`).chat('gpt-4o-mini'),
      middleware: fusewireMiddleware({
        instance: instanceOn(recording),
        usageMetadata: { agent: 'layer', taskType: 'classify', organizationName: 'Northwind' },
      }),
    });
    await generateText({
      model: layered,
      prompt: 'Hi',
      providerOptions: {
        fusewire: { agent: 'call', task_type: 'sort', subscriber: { id: 'u-88' } },
        openai: { user: 'u' },
      },
    });
    expect(stub.requests[0]?.body['user']).toBe('u');
    expect(stub.requests[0]?.text).not.toContain('sort');
    expect(recording.decided).toMatchObject([{ subscriberId: 'u-88', organization: 'Northwind' }]);
    expect(recording.events[0]).toMatchObject({ agent: 'call', taskType: 'sort', organizationName: 'Northwind' });
  });
});
