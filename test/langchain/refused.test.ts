import { ChatPromptTemplate } from '@langchain/core/prompts';
import type { Runnable } from '@langchain/core/runnables';
import { OpenAI } from '@langchain/openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BudgetExceededError, stopAtRefusal } from '../../src/langchain.js';
import { type Bench, chatOllama, chatOpenAI, startBench } from '../helpers/langchain-model.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

let bench: Bench;
let openai: StubProvider;
let ollama: StubOllama;

beforeEach(async () => {
  // LangChain itself prints what a handler throws.
  vi.spyOn(console, 'error').mockImplementation(() => {});
  [bench, openai, ollama] = await Promise.all([startBench(), startStubProvider(), startStubOllama()]);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all([bench.close(), openai.close(), ollama.close()]);
});

const drain = async (stream: AsyncIterable<unknown>) => {
  for await (const _ of stream);
};
const events = async (runnable: Runnable, options: object) =>
  drain(runnable.streamEvents('hi', { ...options, version: 'v2' }) as AsyncIterable<unknown>);

/** Every way to ask a model that LangChain calls its handlers for. */
const WAYS: Readonly<Record<string, (model: Runnable, options: object) => Promise<unknown>>> = {
  invoke: (model, options) => model.invoke('hi', options),
  stream: async (model, options) => drain(await model.stream('hi', options)),
  batch: (model, options) => model.batch(['hi', 'ho'], options),
  'batch with a limit': (model, options) => model.batch(['hi', 'ho'], options, { maxConcurrency: 1 }),
  'streamEvents v2': events,
  streamLog: async (model, options) => drain(model.streamLog('hi', options)),
  'a sequence': (model, options) => ChatPromptTemplate.fromTemplate('{x}').pipe(model).invoke({ x: 'hi' }, options),
  'a streamed sequence': async (model, options) =>
    drain(await ChatPromptTemplate.fromTemplate('{x}').pipe(model).stream({ x: 'hi' }, options)),
};

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('I1: a refused run', () => {
  const models = () => ({ ChatOpenAI: chatOpenAI(openai.url, { maxRetries: 6 }), ChatOllama: chatOllama(ollama.url) });

  for (const name of ['ChatOpenAI', 'ChatOllama'] as const) {
    for (const [way, ask] of Object.entries(WAYS)) {
      it(`${name}, ${way}: makes no request, is tried once, and its error is the refusal itself`, async () => {
        await bench.refuse();
        const error = await errorOf(ask(models()[name] as unknown as Runnable, { callbacks: [bench.handler()] }));
        expect(error).toBeInstanceOf(BudgetExceededError);
        expect((error as BudgetExceededError).ruleName).toBe('Cap');
        expect([openai.requests.length, ollama.requests.length]).toEqual([0, 0]);
        expect(bench.events).toEqual([]);
        expect(bench.fusewire.status().calls.refused).toBe(way.startsWith('batch') ? 2 : 1);
      });
    }
  }

  it('through `callbacks` of the model, bound tools, structured output and a completion model', async () => {
    await bench.refuse();
    const callbacks = [bench.handler()];
    const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } } as const;
    const model = chatOpenAI(openai.url, { callbacks });
    const asked = [
      model.invoke('hi'),
      model.bindTools([tool]).invoke('hi'),
      model.withStructuredOutput({ title: 'x', type: 'object', properties: {} }).invoke('hi'),
      new OpenAI({ model: 'm', apiKey: 'k', callbacks, configuration: { baseURL: `${openai.url}/v1` } }).invoke('hi'),
    ];
    for (const error of await Promise.all(asked.map(errorOf))) expect(error).toBeInstanceOf(BudgetExceededError);
    expect(openai.requests).toEqual([]);
  });

  it('withFallbacks asks the next model: each is decided on its own, and all refused gives the refusal', async () => {
    await bench.refuse({
      name: 'Cap',
      breached: true,
      filters: [{ dimension: 'MODEL', operator: 'IS', value: 'gpt-4o-mini' }],
    });
    const cheaper = chatOllama(ollama.url);
    const options = { callbacks: [bench.handler()] };
    const answer = await chatOpenAI(openai.url).withFallbacks([cheaper]).invoke('hi', options);
    expect(String(answer.content)).toContain('blue');
    expect([openai.requests.length, ollama.requests.length]).toEqual([0, 1]);
    expect(bench.events.map(({ provider }) => provider)).toEqual(['OLLAMA']);
    const refused = chatOpenAI(openai.url)
      .withFallbacks([chatOpenAI(openai.url)])
      .invoke('hi', options);
    expect(await errorOf(refused)).toBeInstanceOf(BudgetExceededError);
    expect(openai.requests).toEqual([]);
  });

  it('withRetry and stopAtRefusal stop at the refusal; other errors are tried again', async () => {
    await bench.refuse();
    const options = { callbacks: [bench.handler()] };
    const patient = chatOpenAI(openai.url).withRetry({ stopAfterAttempt: 5, onFailedAttempt: stopAtRefusal });
    expect(await errorOf(patient.invoke('hi', options))).toBeInstanceOf(BudgetExceededError);
    expect(bench.fusewire.status().calls.refused).toBe(1);
    expect(() => stopAtRefusal(new Error('another'))).not.toThrow();
  });

  it('one refused prompt of several takes the others with it: none was sent, none is metered', async () => {
    const handler = bench.handler();
    const together = { invocation_params: { model: 'gpt-4o-mini' }, batch_size: 3 };
    const llm = { id: ['langchain', 'chat_models', 'openai', 'ChatOpenAI'] };
    const start = (runId: string) =>
      handler.handleChatModelStart(llm, [[{ content: 'x' }]], runId, undefined, together);
    start('run-1');
    await bench.refuse();
    expect(() => start('run-2')).toThrow(BudgetExceededError);
    expect(() => start('run-3')).toThrow(BudgetExceededError);
    await bench.fusewire.close();
    expect(bench.events).toEqual([]);
    expect(bench.fusewire.status().calls).toMatchObject({ refused: 1, attempts: 1 });
  });

  it('a handler that is given twice decides once', async () => {
    await bench.refuse();
    const handler = bench.handler();
    const model = chatOpenAI(openai.url, { callbacks: [handler] });
    expect(await errorOf(model.invoke('hi', { callbacks: [handler, bench.handler()] }))).toBeInstanceOf(
      BudgetExceededError,
    );
    expect(bench.fusewire.status().calls.refused).toBe(1);
  });
});
