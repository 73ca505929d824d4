import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError, fusewireMiddleware, guardEmbeddingModel } from '../../src/ai-sdk.js';
import { createGuardedFetch } from '../../src/instrument/guarded-fetch.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { instanceOn, MAJORS, type Model } from '../helpers/ai-sdk-majors.js';
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

function guardedFetch({ path, runtime }: RecordingPath = recording) {
  const hosts = { [new URL(stub.url).host]: 'openai' as const };
  return createGuardedFetch(globalThis.fetch, { path, runtime, recognised: () => undefined }, { hosts });
}

function guardedClient({ path, runtime }: RecordingPath = recording): OpenAI {
  const client = new OpenAI({ baseURL: `${stub.url}/v1`, apiKey: 'sk-test', maxRetries: 0 });
  return instrumentOpenAI(client, path, {}, runtime);
}

const endpoints = ({ events }: RecordingPath = recording) => events.map(({ attributes }) => attributes?.['endpoint']);

describe.each(MAJORS)('a call through two layers, ai $major', (major) => {
  const { ai, openai, embeddingModel, specification, usage, finishReason } = major;
  const wrap = (model: unknown, path = recording) =>
    ai.wrapLanguageModel({ model: model as Model, middleware: fusewireMiddleware({ instance: instanceOn(path) }) });
  const overFetch = (kind: 'chat' | 'responses' = 'chat') =>
    openai(`${stub.url}/v1`, guardedFetch())[kind]('gpt-4o-mini');

  /** A language model of one's own, which asks by `ask` when it is asked, or no sooner than its stream is read. */
  const custom = (ask: () => Promise<string>, modelId = 'gpt-4o-mini') => {
    const answer = (text: string) => [
      { type: 'text-start', id: '1' },
      { type: 'text-delta', id: '1', delta: text },
      { type: 'text-end', id: '1' },
      { type: 'finish', usage: usage(5, 5), finishReason: finishReason('stop') },
    ];
    return {
      specificationVersion: specification,
      provider: 'openai.custom',
      modelId,
      supportedUrls: {},
      async doGenerate() {
        const content = [{ type: 'text', text: await ask() }];
        return { content, usage: usage(5, 5), finishReason: finishReason('stop'), warnings: [] };
      },
      async doStream() {
        let left: object[] | undefined;
        const stream = new ReadableStream(
          {
            async pull(controller) {
              left ??= answer(await ask());
              controller.enqueue(left.shift());
              if (left.length === 0) controller.close();
            },
          },
          { highWaterMark: 0 },
        );
        return { stream };
      },
    };
  };
  const chat =
    (client: OpenAI, model = 'gpt-4o-mini') =>
    async () => {
      const messages = [{ role: 'user' as const, content: 'Hi' }];
      return (await client.chat.completions.create({ model, messages })).choices[0]?.message.content ?? '';
    };

  it.each(['chat', 'responses'] as const)('is decided and metered once over a guarded fetch: %s', async (kind) => {
    const model = wrap(overFetch(kind));
    const providerOptions = { fusewire: { agent: 'triage' } };
    expect((await ai.generateText({ model, prompt: 'Hi', providerOptions })).text).toBe(TEXT);
    expect(recording.decided).toHaveLength(1);
    const streamed = ai.streamText({ model, prompt: 'Hi', providerOptions });
    expect(await streamed.text).toBe(TEXT);
    expect(recording.decided).toHaveLength(2);
    expect(endpoints()).toEqual(
      kind === 'chat' ? ['chat.completions', 'chat.completions'] : ['responses', 'responses'],
    );
    expect(recording.events).toMatchObject([
      { agent: 'triage', totalTokenCount: 30 },
      { agent: 'triage', totalTokenCount: 30, isStreamed: true },
    ]);
    expect(recording.open.size + recording.timers()).toBe(0);
  });

  it('each step of a tool loop and each embedding is metered once over a guarded fetch', async () => {
    const weather = ai.tool({ inputSchema: ai.jsonSchema({ type: 'object' }), execute: async () => 'rain' });
    await ai.generateText({ model: wrap(overFetch()), tools: { weather }, stopWhen: ai.stepCountIs(3), prompt: 'x' });
    expect([recording.decided.length, recording.events.length]).toEqual([2, 2]);
    const embedder = embeddingModel(openai(`${stub.url}/v1`, guardedFetch()), 'text-embedding-3-small');
    await ai.embed({ model: guardEmbeddingModel(embedder, { instance: instanceOn(recording) }), value: 'x' });
    expect([recording.decided.length, recording.events.length]).toEqual([3, 3]);
    expect(endpoints()[2]).toBe('embeddings');
  });

  it('is metered once with a guarded client inside, also one that is asked while the stream is read', async () => {
    const model = wrap(custom(chat(guardedClient())));
    expect((await ai.generateText({ model, prompt: 'Hi' })).text).toBe(TEXT);
    expect(await ai.streamText({ model, prompt: 'Hi' }).text).toBe(TEXT);
    expect(recording.decided).toHaveLength(2);
    expect(endpoints()).toEqual(['chat.completions', 'chat.completions']);
    // Under a name of its own too: the text tells that it is the same call.
    recording.events.length = 0;
    await ai.generateText({ model: wrap(custom(chat(guardedClient()), 'my-model')), prompt: 'Hi' });
    expect(endpoints()).toEqual(['chat.completions']);
  });

  it('many at a time are each metered once', async () => {
    const model = wrap(overFetch());
    const texts = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const options = { model, prompt: `${index}`, providerOptions: { fusewire: { traceId: `t-${index}` } } };
        return index % 2 === 0 ? (await ai.generateText(options)).text : ai.streamText(options).text;
      }),
    );
    expect(texts).toEqual(texts.map(() => TEXT));
    expect(recording.events).toHaveLength(12);
    expect(new Set(recording.events.map(({ traceId }) => traceId)).size).toBe(12);
  });

  it('what embeds for a call that chats is a call of its own, and so is another chat before it', async () => {
    const client = guardedClient();
    const plain = openai(`${stub.url}/v1`).chat('gpt-4o-mini');
    const firstDo = (task: () => Promise<unknown>) =>
      ai.wrapLanguageModel({
        model: plain,
        middleware: {
          specificationVersion: 'v3',
          async wrapGenerate({ doGenerate }) {
            await task();
            return doGenerate();
          },
        },
      });
    const embed = () =>
      client.embeddings.create({ model: 'text-embedding-3-small', input: 'x', encoding_format: 'float' });
    await ai.generateText({ model: wrap(firstDo(embed)), prompt: 'Hi' });
    expect(endpoints()).toEqual(['embeddings', 'ai-sdk.generate']);
    recording.events.length = 0;
    await ai.generateText({ model: wrap(firstDo(chat(client))), prompt: 'Hi' });
    expect(endpoints()).toEqual(['chat.completions', 'ai-sdk.generate']);
    expect(recording.open.size + recording.timers()).toBe(0);
  });

  it('the same middleware twice is one call', async () => {
    const model = wrap(wrap(openai(`${stub.url}/v1`).chat('gpt-4o-mini')));
    await ai.generateText({ model, prompt: 'Hi' });
    await ai.streamText({ model, prompt: 'Hi' }).consumeStream();
    expect([recording.decided.length, recording.events.length]).toEqual([2, 2]);
  });

  it('I1: a refusal inside reaches the caller, and nothing is metered', async () => {
    recording.refuse();
    const model = wrap(custom(chat(guardedClient(), 'gpt-4o')));
    await expect(ai.generateText({ model, prompt: 'Hi' })).rejects.toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toEqual([]);
    recording.allow();
    const refusedInside = custom(async () => {
      recording.refuse();
      return chat(guardedClient(), 'gpt-4o')();
    });
    await expect(ai.generateText({ model: wrap(refusedInside), prompt: 'Hi' })).rejects.toBeInstanceOf(
      BudgetExceededError,
    );
    expect(stub.requests).toEqual([]);
    expect(recording.events).toEqual([]);
    expect(recording.open.size + recording.timers()).toBe(0);
  });

  it('I11: another instance inside keeps its own books', async () => {
    const other = createRecordingPath();
    const model = openai(`${stub.url}/v1`, guardedFetch(other)).chat('gpt-4o-mini');
    await ai.generateText({ model: wrap(model), prompt: 'Hi' });
    expect([endpoints(), endpoints(other)]).toEqual([['ai-sdk.generate'], ['chat.completions']]);
  });

  it('an endpoint inside that no adapter knows leaves the call to this layer', async () => {
    const send = guardedFetch();
    const ask = async () => {
      const response = await send(`${stub.url}/v1/strange/things`, { method: 'POST', body: '{"model":"m"}' });
      return response.text();
    };
    await ai.generateText({ model: wrap(custom(ask)), prompt: 'Hi' });
    expect(endpoints()).toEqual(['ai-sdk.generate']);
  });
});
