import { AIMessage } from '@langchain/core/messages';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BudgetExceededError } from '../../src/langchain.js';
import { partsOf } from '../../src/parts-of.js';
import { type Bench, chatOpenAI, startBench } from '../helpers/langchain-model.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

let bench: Bench;
let openai: StubProvider;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  [bench, openai] = await Promise.all([startBench(), startStubProvider()]);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all([bench.close(), openai.close()]);
  expect(bench.lines.filter((line) => line.startsWith('error'))).toEqual([]);
});

/** A model whose openai client is guarded by the same instance. */
const guardedInside = (options: object = {}) => {
  const model = chatOpenAI(openai.url, { callbacks: [bench.handler()], ...options });
  const inner = (model as unknown as { completions: { _getClientOptions(o: object): void; client: object } })
    .completions;
  inner._getClientOptions({});
  bench.fusewire.guard(inner.client);
  return model;
};
const start = { id: ['langchain', 'chat_models', 'openai', 'ChatOpenAI'] };
const params = () => ({ invocation_params: { model: 'gpt-4o-mini' } });

describe('a model whose own client is guarded too', () => {
  it('is metered by the client, with what the handler knows of the run', async () => {
    const answer = await guardedInside().invoke('hi', {
      metadata: { usageMetadata: { agent: 'triage', subscriber: { id: 'u-88' } }, traceId: 'conv-71' },
      runName: 'sort mail',
    });
    expect(bench.events).toHaveLength(1);
    expect(bench.events[0]).toMatchObject({
      agent: 'triage',
      subscriber: { id: 'u-88' },
      traceId: 'conv-71',
      transactionName: 'sort mail',
      attributes: { endpoint: 'chat.completions', providerResponseId: answer.id },
    });
  });

  it('has one event for each attempt: its own retries are seen', async () => {
    openai.faults.push({ status: 500, headers: { 'retry-after-ms': '1' } });
    await guardedInside({ maxRetries: 1 }).invoke('hi');
    expect(bench.events.map(({ stopReason }) => stopReason)).toEqual(['ERROR', 'END']);
    expect(bench.events.every(({ attributes }) => attributes?.['endpoint'] === 'chat.completions')).toBe(true);
  }, 15_000);

  it('that fails or is aborted has no event of the handler’s', async () => {
    openai.faults.push({ status: 400 }, 'hold');
    await expect(guardedInside().invoke('hi')).rejects.toThrow();
    const control = new AbortController();
    const reading = (async () => {
      for await (const _ of await guardedInside().stream('hi', { signal: control.signal }));
    })();
    setTimeout(() => control.abort(), 50);
    await expect(reading).rejects.toThrow();
    await bench.fusewire.close();
    expect(bench.events.map(({ stopReason }) => stopReason)).toEqual(['ERROR', 'CANCELLED']);
    expect(bench.events.every(({ attributes }) => attributes?.['endpoint'] === 'chat.completions')).toBe(true);
  });

  it('I1: is decided once, and refused inside it is not tried again by LangChain', async () => {
    const model = guardedInside({ callbacks: [], maxRetries: 6 });
    await bench.refuse();
    const error: unknown = await model.invoke('hi').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(openai.requests).toEqual([]);
    expect(bench.fusewire.status().calls.refused).toBe(1);
  });

  it('takes the decision of the handler over: nothing is decided twice', async () => {
    const decided = vi.fn();
    const { path } = partsOf(bench.fusewire);
    const { admit } = path;
    path.admit = (request, metadata) => {
      const admission = admit(request, metadata);
      decided(request.endpoint, admission.outer?.admission.decision === admission.decision);
      return admission;
    };
    await guardedInside().invoke('hi');
    expect(decided.mock.calls).toEqual([
      ['langchain.chat_model', false],
      ['chat.completions', true],
    ]);
  });
});

describe('what was wrongly taken for the run’s', () => {
  it('never costs the run its event: the provider’s id tells', async () => {
    const handler = bench.handler();
    const client = bench.fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `${openai.url}/v1` }));
    // The very context, model and prompt of the run, and yet another call.
    handler.handleChatModelStart(start, [[{ content: 'hi' }]], 'run-1', undefined, params());
    await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] });
    const usage = { input_tokens: 4, output_tokens: 2, total_tokens: 6 };
    const message = new AIMessage({ id: 'chatcmpl-another', content: 'yes', usage_metadata: usage });
    handler.handleLLMEnd({ generations: [[{ text: 'yes', message }]] }, 'run-1');
    expect(bench.events.map(({ totalTokenCount }) => totalTokenCount)).toEqual([30, 6]);
  });

  it('and what was missed is found by it', async () => {
    const handler = bench.handler();
    const client = bench.fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `${openai.url}/v1` }));
    let go = () => {};
    // A context without the trail of the run.
    const elsewhere = new Promise<void>((resolve) => {
      go = resolve;
    }).then(() => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'other' }] }));
    await (async () => {
      await Promise.resolve();
      handler.handleChatModelStart(start, [[{ content: 'hi' }]], 'run-1', undefined, params());
    })();
    go();
    const { id } = await elsewhere;
    handler.handleLLMEnd({ generations: [[{ message: new AIMessage({ id, content: 'x' }) }]] }, 'run-1');
    expect(bench.events).toHaveLength(1);
    expect(bench.events[0]?.attributes?.['endpoint']).toBe('chat.completions');
  });
});
