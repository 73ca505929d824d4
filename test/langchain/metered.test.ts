import { InMemoryCache } from '@langchain/core/caches';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import type { Runnable } from '@langchain/core/runnables';
import { tool } from '@langchain/core/tools';
import { OpenAI } from '@langchain/openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bench, chatOllama, chatOpenAI, startBench } from '../helpers/langchain-model.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

let bench: Bench;
let openai: StubProvider;
let ollama: StubOllama;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  [bench, openai, ollama] = await Promise.all([startBench(), startStubProvider(), startStubOllama()]);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all([bench.close(), openai.close(), ollama.close()]);
  expect(bench.lines.filter((line) => line.startsWith('error'))).toEqual([]);
});

const drain = async (stream: AsyncIterable<unknown>) => {
  let count = 0;
  for await (const _ of stream) count += 1;
  return count;
};
const settled = (promise: Promise<unknown>) => promise.then(String, String);
const weather = tool(async ({ city }: { city: string }) => `${city}: rain`, {
  name: 'weather',
  description: 'tells the weather',
  schema: { type: 'object', properties: { city: { type: 'string' } } },
});

describe('an answered run', () => {
  it('I4: is one event, with the counts, the model and the provider that answered', async () => {
    const model = chatOpenAI(openai.url, { temperature: 0.2, callbacks: [bench.handler()] });
    const answer = await model.invoke('hi');
    expect(bench.events).toHaveLength(1);
    expect(bench.events[0]).toMatchObject({
      model: 'gpt-4o-mini-2026-01-01',
      provider: 'OPENAI',
      modelSource: 'OPENAI',
      operationType: 'CHAT',
      stopReason: 'END',
      isStreamed: false,
      inputTokenCount: 21,
      outputTokenCount: 9,
      totalTokenCount: 30,
      cacheReadTokenCount: 8,
      reasoningTokenCount: 3,
      systemFingerprint: 'fp_stub',
      temperature: 0.2,
      attributes: {
        usageState: 'reported',
        endpoint: 'langchain.chat_model',
        end: 'completed',
        requestedModel: 'gpt-4o-mini',
        cacheInside: true,
        reasoningInside: true,
        providerResponseId: answer.id,
      },
    });
    expect(bench.events[0]).not.toHaveProperty('hasVisionContent');
    expect(bench.events[0]).not.toHaveProperty('timeToFirstToken');
    expect(bench.events[0]?.traceId).toBe(bench.events[0]?.attributes?.['langchainRunId']);
  });

  it('I4: streamed is one event, with the counts of the last chunk and the time to the first token', async () => {
    const model = chatOpenAI(openai.url, { callbacks: [bench.handler()] });
    expect(await drain(await model.stream('hi'))).toBeGreaterThan(4);
    expect(await drain(model.streamEvents('hi', { version: 'v2' }))).toBeGreaterThan(4);
    expect(bench.events).toHaveLength(2);
    for (const event of bench.events) {
      expect(event).toMatchObject({ isStreamed: true, inputTokenCount: 21, outputTokenCount: 9, stopReason: 'END' });
      expect(event.attributes).toMatchObject({ usageState: 'reported', end: 'completed' });
      expect(event.timeToFirstToken).toBeTypeOf('number');
    }
  });

  it('of Ollama has a transaction id of our own, and its counts', async () => {
    const model = chatOllama(ollama.url, { callbacks: [bench.handler()] });
    const answer = await model.invoke('why?');
    await drain(await model.stream('why?'));
    expect(bench.events).toHaveLength(2);
    for (const event of bench.events) {
      expect(event).toMatchObject({ provider: 'OLLAMA', model: 'llama3.2', inputTokenCount: 11, outputTokenCount: 5 });
      expect(event.attributes?.['usageState']).toBe('reported');
    }
    expect(bench.events[0]?.transactionId).not.toBe(answer.id);
    expect(bench.events[0]?.attributes).not.toHaveProperty('providerResponseId');
  });

  it('says why it ended, of a completion model, of the Responses API and of a tool call', async () => {
    const callbacks = [bench.handler()];
    const configuration = { baseURL: `${openai.url}/v1` };
    await new OpenAI({ model: 'm', apiKey: 'k', callbacks, configuration, maxRetries: 0 }).invoke('hi');
    await chatOpenAI(openai.url, { useResponsesApi: true, callbacks }).invoke('hi');
    await chatOpenAI(openai.url, { callbacks }).bindTools([weather]).invoke('hi');
    expect(bench.events.map(({ stopReason, totalTokenCount }) => [stopReason, totalTokenCount])).toEqual([
      ['TOKEN_LIMIT', 30],
      ['END', 30],
      ['END_SEQUENCE', 30],
    ]);
    expect(bench.events[2]?.operationSubtype).toBe('function_call');
  });

  it('with several generations counts their shared usage once; several prompts of one request too', async () => {
    const callbacks = [bench.handler()];
    await chatOpenAI(openai.url, { n: 3, callbacks }).invoke('hi');
    const configuration = { baseURL: `${openai.url}/v1` };
    const completion = new OpenAI({ model: 'm', apiKey: 'k', callbacks, configuration, maxRetries: 0 });
    await completion.generate(['one', 'two', 'three']);
    expect(openai.requests).toHaveLength(2);
    expect(bench.events.map(({ totalTokenCount }) => totalTokenCount)).toEqual([30, 30]);
    await chatOpenAI(openai.url, { callbacks }).generate([[new HumanMessage('a')], [new HumanMessage('b')]]);
    expect([openai.requests.length, bench.events.length]).toEqual([4, 4]);
  });

  it('sees images in the prompt', async () => {
    const url = 'data:image/png;base64,iVBORw0KGgo=';
    const content = [
      { type: 'text', text: 'what is it?' },
      { type: 'image_url', image_url: { url } },
    ];
    await chatOpenAI(openai.url, { callbacks: [bench.handler()] }).invoke([
      new SystemMessage('short'),
      new HumanMessage({ content }),
    ]);
    expect(bench.events[0]?.hasVisionContent).toBe(true);
  });

  it('from LangChain’s cache is no event: nothing was sent', async () => {
    const model = chatOpenAI(openai.url, { cache: new InMemoryCache(), callbacks: [bench.handler()] });
    await model.invoke('hi');
    await model.invoke('hi');
    expect([openai.requests.length, bench.events.length]).toEqual([1, 1]);
  });

  it('is one event under a handler that is given twice, and under two handlers of one instance', async () => {
    const handler = bench.handler();
    const model = chatOpenAI(openai.url, { callbacks: [handler] });
    await model.invoke('hi', { callbacks: [handler, bench.handler()] });
    await drain(await model.stream('hi', { callbacks: [bench.handler()] }));
    expect(bench.events).toHaveLength(2);
  });
});

describe('a run that does not end well', () => {
  it('I5: aborted in the middle is cancelled and estimated, both ways', async () => {
    openai.faults.push('hold');
    const control = new AbortController();
    const stream = await chatOpenAI(openai.url, { callbacks: [bench.handler()] }).stream('a longer question', {
      signal: control.signal,
    });
    const reading = settled(drain(stream));
    setTimeout(() => control.abort(), 50);
    expect(await reading).toMatch(/abort/i);
    expect(bench.events).toHaveLength(1);
    expect(bench.events[0]).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
    expect(bench.events[0]?.inputTokenCount).toBeGreaterThan(2);
  });

  it('I4: left by break is metered when the instance closes: LangChain tells nobody', async () => {
    const stream = await chatOllama(ollama.url, { callbacks: [bench.handler()] }).stream('why is it blue?');
    let seen = 0;
    for await (const _ of stream) {
      seen += 1;
      if (seen === 3) break;
    }
    expect(bench.events).toEqual([]);
    await bench.fusewire.close();
    expect(bench.events).toHaveLength(1);
    expect(bench.events[0]).toMatchObject({ stopReason: 'CANCELLED', isStreamed: true });
    expect(bench.events[0]?.attributes).toMatchObject({ end: 'abandoned', usageState: 'estimated' });
    expect(bench.events[0]?.outputTokenCount).toBeGreaterThan(0);
  });

  it('refused by the provider is a failed event with its status, and the error is the provider’s own', async () => {
    const callbacks = [bench.handler()];
    openai.faults.push({ status: 500, message: 'fell over' }, 'error-inside', 'cut');
    const model = chatOpenAI(openai.url, { callbacks });
    expect(await settled(model.invoke('hi'))).toMatch(/fell over/);
    expect(await settled(model.stream('hi').then(drain))).toMatch(/engine fell over/);
    expect(await settled(model.stream('hi').then(drain))).toMatch(/terminated|closed|error/i);
    const ollamaModel = chatOllama(ollama.url, { model: 'missing', callbacks });
    expect(await settled(ollamaModel.invoke('hi'))).toMatch(/not found/);
    expect(bench.events.map(({ stopReason, errorCode }) => [stopReason, errorCode])).toEqual([
      ['ERROR', 500],
      ['ERROR', undefined],
      ['ERROR', undefined],
      ['ERROR', 404],
    ]);
    expect(bench.events[2]?.outputTokenCount, 'what was received of a cut answer counts').toBeGreaterThan(0);
  });

  it('over the time limit is timed out', async () => {
    openai.faults.push('hang');
    const model = chatOpenAI(openai.url, { timeout: 60, callbacks: [bench.handler()] });
    expect(await settled(model.invoke('hi'))).toMatch(/time/i);
    expect(bench.events[0]).toMatchObject({ stopReason: 'TIMEOUT', attributes: { usageState: 'estimated' } });
  });

  it('each prompt of a batch is its own call', async () => {
    openai.faults.push({ status: 400, message: 'no' });
    const model = chatOpenAI(openai.url, { callbacks: [bench.handler()] });
    const results = await model.batch(['a', 'b', 'c'], {}, { returnExceptions: true });
    expect(results.filter((one) => one instanceof Error)).toHaveLength(1);
    expect(bench.events.map(({ stopReason }) => stopReason).sort()).toEqual(['END', 'END', 'ERROR']);
  });

  it('LangChain’s own retries are one run; each of withRetry is a run', async () => {
    const handler = bench.handler();
    openai.faults.push({ status: 500 });
    const patient = chatOpenAI(openai.url).withRetry({ stopAfterAttempt: 2 });
    await patient.invoke('hi', { callbacks: [handler] });
    expect(bench.events.map(({ stopReason }) => stopReason)).toEqual(['ERROR', 'END']);
  }, 15_000);
});

describe('tools', () => {
  it('are tool events; the call inside a loop names what asked for the tool', async () => {
    const callbacks = [bench.handler({ agent: 'forecaster', organizationName: 'Northwind' })];
    const metadata = { traceId: 'conv-71' };
    const model = chatOpenAI(openai.url);
    const asking = await model.bindTools([weather]).invoke('weather?', { callbacks, metadata });
    const call = asking.tool_calls?.[0];
    const explain = async (_input: unknown, config: object) =>
      String((await chatOllama(ollama.url).invoke('and why?', config)).content);
    const schema = { type: 'object', properties: {} } as const;
    const nested = tool(explain, { name: 'explain', description: 'explains', schema });
    const result = await (weather as unknown as Runnable).invoke(
      { ...call, type: 'tool_call' },
      { callbacks, metadata },
    );
    await nested.invoke({ name: 'explain', args: {}, id: call!.id!, type: 'tool_call' }, { callbacks, metadata });
    expect(result).toBeInstanceOf(ToolMessage);
    expect(bench.tools.map(({ toolId, success }) => [toolId, success])).toEqual([
      ['weather', true],
      ['explain', true],
    ]);
    expect(bench.tools[0]).toMatchObject({
      agent: 'forecaster',
      organizationName: 'Northwind',
      traceId: 'conv-71',
      operation: 'execute',
      usageMetadata: { toolCallId: 'call_1', parentTransactionId: bench.events[0]?.transactionId },
    });
    expect(bench.tools[0]?.durationMs).toBeTypeOf('number');
    expect(bench.events[1]).toMatchObject({ provider: 'OLLAMA', parentTransactionId: bench.events[0]?.transactionId });
  });

  it('that throw are failed tool events, and their error is their own', async () => {
    const fail = async (): Promise<string> => {
      throw new TypeError('no map');
    };
    const schema = { type: 'object', properties: {} } as const;
    const broken = tool(fail, { name: 'map', description: 'd', schema });
    await expect(broken.invoke({}, { callbacks: [bench.handler()] })).rejects.toThrow(TypeError);
    expect(bench.tools).toMatchObject([{ toolId: 'map', success: false, errorMessage: 'no map' }]);
    expect(await bench.fusewire.flush()).toBe(true);
    expect(bench.service.toolEvents).toHaveLength(1);
  });
});
