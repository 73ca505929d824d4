import { ChatPromptTemplate } from '@langchain/core/prompts';
import { RunnableLambda, RunnableSequence } from '@langchain/core/runnables';
import { FakeRetriever } from '@langchain/core/utils/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FusewireError } from '../../src/errors.js';
import { RUN_LIMIT_MS } from '../../src/langchain/model-run.js';
import { createLangChainHandler, guardEmbeddings, type ReveniumConfig } from '../../src/langchain.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { partsOf } from '../../src/parts-of.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { type Bench, chatOllama, chatOpenAI, startBench } from '../helpers/langchain-model.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

let bench: Bench;
let openai: StubProvider;
let ollama: StubOllama;

beforeEach(async () => {
  [bench, openai, ollama] = await Promise.all([startBench(), startStubProvider(), startStubOllama()]);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all([bench.close(), openai.close(), ollama.close()]);
});

describe('whose run it is', () => {
  it('is said by the call, by a scope, by the handler: the nearer one wins, field by field', async () => {
    const handler = bench.handler({
      organizationName: 'Northwind',
      productName: 'helpdesk',
      environment: 'staging',
      taskType: 'chat',
      subscriber: { id: 'u-1' },
      usageMetadata: { agent: 'handler', ticketId: 't-1' },
    });
    const model = chatOllama(ollama.url, { callbacks: [handler] });
    await withUsageMetadata({ agent: 'scope', product_name: 'scoped' }, () =>
      model.invoke('why?', {
        metadata: {
          usageMetadata: { task_type: 'classify', subscriber: { id: 'u-88', email: 'rita@example.org' } },
          traceName: 'flat',
          ticketId: 7,
          thread_id: 'not ours',
        },
        tags: ['revenium:region=eu', 'plain', 'revenium:nothing=x', 'revenium:traceName=tag'],
      }),
    );
    expect(bench.events[0]).toMatchObject({
      organizationName: 'Northwind',
      productName: 'scoped',
      environment: 'staging',
      agent: 'scope',
      taskType: 'classify',
      subscriber: { id: 'u-88', email: 'rita@example.org' },
      traceName: 'flat',
      ticketId: 't-1',
      region: 'eu',
    });
    expect(JSON.stringify(bench.events[0])).not.toContain('not ours');
  });

  it('reaches the decision: a rule for one agent refuses that agent’s runs only', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const filters = [{ dimension: 'AGENT', operator: 'IS', value: 'greedy' }];
    bench.service.setRules([{ name: 'Cap', breached: true, filters } as never]);
    await bench.fusewire.ready();
    const model = chatOllama(ollama.url);
    const callbacks = [bench.handler()];
    const chain = (runName: string) => RunnableSequence.from([(x: string) => x, model]).withConfig({ runName });
    await expect(chain('greedy').invoke('why?', { callbacks })).rejects.toThrow('Cap');
    await chain('modest').invoke('why?', { callbacks });
    expect(bench.events.map(({ agent }) => agent)).toEqual(['modest']);
  });

  it('has the outermost run as its trace, and the names that somebody gave', async () => {
    const handler = bench.handler();
    const model = chatOllama(ollama.url);
    const inner = ChatPromptTemplate.fromTemplate('{x}').pipe(model).withConfig({ runName: 'ask twice' });
    const chain = RunnableLambda.from(async (x: string) => {
      await inner.invoke({ x });
      return inner.invoke({ x: `${x}!` }, { metadata: { lc_agent_name: 'named by LangChain' } });
    }).withConfig({ runName: 'support desk' });
    const runId = '018f4c1e-0000-7000-8000-000000000001';
    await import('@langchain/core/context');
    await chain.invoke('why?', { callbacks: [handler], runId });
    await chatOllama(ollama.url)
      .pipe(new RunnableLambda({ func: String }))
      .invoke('why?', { callbacks: [handler] });
    expect(
      bench.events.map(({ traceId, agent, transactionName }) => [traceId === runId, agent, transactionName]),
    ).toEqual([
      [true, 'support desk', 'ask twice'],
      [true, 'named by LangChain', 'ask twice'],
      [false, undefined, undefined],
    ]);
    const traces = new Set(bench.events.map(({ traceId }) => traceId));
    expect(traces.size).toBe(2);
  });

  it('takes no event for chains and retrievers', async () => {
    const callbacks = [bench.handler()];
    await new FakeRetriever().invoke('x', { callbacks });
    await RunnableLambda.from((x: string) => x).invoke('x', { callbacks });
    expect([bench.events, bench.tools]).toEqual([[], []]);
  });
});

describe('a handler', () => {
  it('I2: says every wrong option where it is made', () => {
    const wrong = { apikey: 'x', subscriber: 'u', baseUrl: 5, instance: {}, teamId: 'x' } as unknown as ReveniumConfig;
    try {
      createLangChainHandler(wrong);
      expect.unreachable();
    } catch (error) {
      expect(FusewireError.is(error) && error.problems).toHaveLength(5);
    }
    expect(() => createLangChainHandler(null as never)).toThrow(FusewireError);
  });

  it('with a key of its own has an instance of its own, which close() ends', async () => {
    const { apiKey, url, teamId } = bench.service;
    const handler = createLangChainHandler({ apiKey, baseUrl: url, teamId, options: { logLevel: 'ERROR' } });
    await chatOllama(ollama.url).invoke('why?', { callbacks: [handler] });
    expect(bench.events).toEqual([]);
    await handler.close();
    expect(bench.service.events).toHaveLength(1);
    expect(bench.service.events[0]).toMatchObject({ provider: 'OLLAMA' });
  });

  it('is known by isInitialized, and gives nothing of itself away where a model is serialised', () => {
    expect(bench.fusewire.isInitialized('langchain')).toBe(false);
    const handler = bench.handler({ subscriber: { credential: { value: 'sk-live' } } });
    expect(bench.fusewire.isInitialized('langchain')).toBe(true);
    expect(JSON.stringify(chatOpenAI(openai.url, { callbacks: [handler] }))).not.toContain('sk-live');
    expect(JSON.stringify(handler)).toBe('{"name":"fusewire"}');
  });

  it('I2: never throws on what it does not know, and logs it at most once', async () => {
    const handler = bench.handler();
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('hostile');
        },
        ownKeys() {
          throw new Error('hostile');
        },
      },
    );
    const odd = [undefined, null, 5, 'x', [], {}, { generations: 7 }, { generations: [[null, 3]] }, hostile];
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(handler)).filter((name) =>
      name.startsWith('handle'),
    );
    expect(methods.length).toBeGreaterThan(15);
    let run = 0;
    for (const name of methods) {
      for (const one of odd) {
        run += 1;
        const method = (handler as unknown as Record<string, (...given: unknown[]) => void>)[name]!;
        expect(() =>
          method.call(handler, one, one === hostile ? {} : one, `run-${run % 7}`, one, one, one, one, one),
        ).not.toThrow();
      }
    }
    expect(bench.lines.filter((line) => line.startsWith('error')).length).toBeLessThanOrEqual(1);
    await bench.fusewire.close();
    for (const event of bench.events) expect(event.provider).toBe('unknown');
  });

  it('I4: takes a run that nobody ends for abandoned after an hour', async () => {
    const clock = createFakeClock();
    const still = await startBench(clock as never);
    still.handler().handleChatModelStart({}, [[{ content: 'why is it blue?' }]], 'run-1');
    clock.advance(RUN_LIMIT_MS - 1);
    expect(still.events).toEqual([]);
    clock.advance(2);
    expect(still.events).toHaveLength(1);
    expect(still.events[0]?.attributes).toMatchObject({ end: 'abandoned', usageState: 'estimated' });
    await still.close();
  });
});

describe('embeddings', () => {
  class Embeddings {
    readonly model = 'nomic-embed-text';
    readonly lc_namespace = ['langchain', 'embeddings', 'ollama'];
    calls = 0;
    async embedQuery(_document: string) {
      this.calls += 1;
      if (this.calls === 3) throw Object.assign(new Error('down'), { status: 503 });
      return [1];
    }
    async embedDocuments(documents: string[]) {
      this.calls += 1;
      return documents.map(() => [1]);
    }
  }

  it('are refused before the request, and metered once, as an estimate', async () => {
    const embeddings = new Embeddings();
    const config = { instance: bench.fusewire, agent: 'indexer' };
    expect(guardEmbeddings(guardEmbeddings(embeddings, config), config)).toBe(embeddings);
    expect(await embeddings.embedQuery('a question')).toEqual([1]);
    expect(await embeddings.embedDocuments(['one', 'two'])).toEqual([[1], [1]]);
    await expect(embeddings.embedQuery('a question')).rejects.toThrow('down');
    expect(bench.events).toMatchObject([
      { operationType: 'EMBED', model: 'nomic-embed-text', agent: 'indexer', outputTokenCount: 0 },
      { operationType: 'EMBED', attributes: { usageState: 'estimated' } },
      { operationType: 'EMBED', stopReason: 'ERROR', errorCode: 503, inputTokenCount: 0 },
    ]);
    expect(bench.events[0]?.inputTokenCount).toBeGreaterThan(0);
    bench.service.setRules([{ name: 'Cap', breached: true } as never]);
    await bench.fusewire.ready();
    await vi.waitFor(() => expect(partsOf(bench.fusewire).decide({}).outcome).toBe('refuse'), 15_000);
    await expect(embeddings.embedQuery('x')).rejects.toThrow('Cap');
    expect(embeddings.calls).toBe(3);
  });

  it('of a guarded client are metered by the client, with its counts', async () => {
    const { OpenAIEmbeddings } = await import('@langchain/openai');
    const fetch = bench.fusewire.guardFetch(globalThis.fetch, { hosts: { [new URL(openai.url).host]: 'openai' } });
    const configuration = { baseURL: `${openai.url}/v1`, fetch: fetch as typeof globalThis.fetch };
    const inner = new OpenAIEmbeddings({ model: 'text-embedding-3-small', apiKey: 'k', configuration });
    await guardEmbeddings(inner, { instance: bench.fusewire, agent: 'indexer' }).embedQuery('hi');
    expect(bench.events).toHaveLength(1);
    expect(bench.events[0]).toMatchObject({
      inputTokenCount: 8,
      agent: 'indexer',
      attributes: { usageState: 'reported' },
    });
  });
});
