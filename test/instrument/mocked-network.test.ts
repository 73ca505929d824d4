/** The clients over the global `fetch`, with the network mocked below them: nothing of a refused call gets that far. */
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../src/index.js';
import type { Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { createTestFusewire } from '../../src/testing/test-fusewire.js';

const messages = [{ role: 'user' as const, content: 'Hi' }];
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const choice = { index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' };
let bodies: unknown[] = [];
const network = setupServer(
  http.post('https://api.openai.com/v1/chat/completions', async ({ request }) => {
    bodies.push(await request.json());
    return HttpResponse.json({
      id: 'chatcmpl-msw',
      object: 'chat.completion',
      model: 'gpt-4o-mini',
      choices: [choice],
      usage,
    });
  }),
  http.post('http://ollama.test/api/chat', async ({ request }) => {
    bodies.push(await request.json());
    const message = { role: 'assistant', content: 'Hello' };
    return HttpResponse.json({
      model: 'm',
      message,
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 3,
      eval_count: 2,
    });
  }),
);

describe('guarded clients on a mocked network', () => {
  let service: FakeService;
  let fusewire: Fusewire;

  // The SDK's own requests go through undici and are not seen by the mock; whatever else is not expected is an error.
  beforeAll(() => network.listen({ onUnhandledRequest: 'error' }));
  afterAll(() => network.close());
  beforeEach(async () => {
    bodies = [];
    service = await startFakeService();
    fusewire = createTestFusewire({}, service.options);
  });
  afterEach(async () => {
    await fusewire.close();
    await service.close();
  });

  const clients = () => ({
    openai: fusewire.guard(new OpenAI({ apiKey: 'k' })),
    ollama: fusewire.guard(new Ollama({ host: 'http://ollama.test' })),
  });

  it('I1: a refused call is not sent', async () => {
    service.setRules([{ name: 'Cap', breached: true }]);
    await fusewire.ready();
    const { openai, ollama } = clients();
    await expect(openai.chat.completions.create({ model: 'gpt-4o-mini', messages })).rejects.toThrow(
      BudgetExceededError,
    );
    await expect(ollama.chat({ model: 'm', messages })).rejects.toThrow(BudgetExceededError);
    await fusewire.flush();
    expect(bodies).toEqual([]);
    expect(service.events).toEqual([]);
  });

  it('every other one is sent without our metadata, and metered', async () => {
    await fusewire.ready();
    const { openai, ollama } = clients();
    const usageMetadata = { agent: 'triage' };
    await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, usageMetadata });
    await ollama.chat({ model: 'm', messages, usageMetadata });
    expect(await fusewire.flush()).toBe(true);
    expect(bodies).toEqual([
      { model: 'gpt-4o-mini', messages },
      { model: 'm', messages, stream: false },
    ]);
    expect(service.events).toMatchObject([
      { transactionId: 'chatcmpl-msw', provider: 'OPENAI', totalTokenCount: 5, agent: 'triage' },
      { provider: 'OLLAMA', totalTokenCount: 5, agent: 'triage' },
    ]);
  });
});
