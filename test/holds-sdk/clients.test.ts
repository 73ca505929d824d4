import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { fusewireMiddleware } from '../../src/ai-sdk.js';
import { createFusewire, type Fusewire } from '../../src/instance.js';
import { createLangChainHandler } from '../../src/langchain.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { MAJORS, type Model } from '../helpers/ai-sdk-majors.js';
import { optionsFor } from '../helpers/google-clients.js';
import { type StubAnthropic, startStubAnthropic } from '../helpers/stub-anthropic.js';
import { type StubGoogle, startStubGoogle } from '../helpers/stub-google.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const RULE = { ruleId: 7, name: 'hard', enforcement: 'HARD', action: 'BLOCK', breached: false };
const GIVEN = { apiKey: 'sk-test', maxRetries: 0 };

let openai: StubProvider;
let anthropic: StubAnthropic;
let google: StubGoogle;
let ollama: StubOllama;
let service: FakeService;
let fusewire: Fusewire;
beforeAll(async () => {
  [openai, anthropic, google, ollama] = await Promise.all([
    startStubProvider(),
    startStubAnthropic(),
    startStubGoogle(),
    startStubOllama(),
  ]);
});
afterAll(() => Promise.all([openai.close(), anthropic.close(), google.close(), ollama.close()]));
beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  service = await startFakeService();
  service.setRules([RULE]);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fusewire.close();
  await service.close();
});

const drain = async (stream: AsyncIterable<unknown>) => {
  for await (const _ of stream);
};
const inside = () => fusewire.guard(new OpenAI({ ...GIVEN, baseURL: `${openai.url}/v1` }));
const chat = () =>
  new ChatOpenAI({ model: 'm', apiKey: 'sk', maxTokens: 20, configuration: { baseURL: `${openai.url}/v1` } });
const [major] = MAJORS;
const wrapped = () => {
  const fetch = fusewire.guardFetch(globalThis.fetch, { hosts: { [new URL(openai.url).host]: 'openai' } });
  const model = major!.openai(`${openai.url}/v1`, fetch).chat('m');
  return major!.ai.wrapLanguageModel({ model: model as Model, middleware: fusewireMiddleware({ instance: fusewire }) });
};

/** Ways to ask a model; each makes one request. */
const WAYS: Readonly<Record<string, () => Promise<unknown>>> = {
  'anthropic messages.create': () =>
    fusewire
      .guard(new Anthropic({ ...GIVEN, baseURL: anthropic.url }))
      .messages.create({ model: 'm', max_tokens: 20, messages: MESSAGES }),
  'anthropic messages.stream': () =>
    fusewire
      .guard(new Anthropic({ ...GIVEN, baseURL: anthropic.url }))
      .messages.stream({ model: 'm', max_tokens: 20, messages: MESSAGES })
      .finalMessage(),
  'google generateContent': () =>
    fusewire
      .guard(new GoogleGenAI(optionsFor(google.url, false)))
      .models.generateContent({ model: 'gemini-2.5-flash', contents: 'hi', config: { maxOutputTokens: 20 } }),
  'google generateContentStream': async () =>
    drain(
      await fusewire
        .guard(new GoogleGenAI(optionsFor(google.url, false)))
        .models.generateContentStream({ model: 'gemini-2.5-flash', contents: 'hi', config: { maxOutputTokens: 20 } }),
    ),
  'ollama chat': () =>
    fusewire
      .guard(new Ollama({ host: ollama.url }))
      .chat({ model: 'm', messages: MESSAGES, options: { num_predict: 20 } }),
  'ollama chat, streamed': async () =>
    drain(
      await fusewire
        .guard(new Ollama({ host: ollama.url }))
        .chat({ model: 'm', messages: MESSAGES, options: { num_predict: 20 }, stream: true }),
    ),
  guardFetch: async () => {
    const send = fusewire.guardFetch(globalThis.fetch, { hosts: { [new URL(openai.url).host]: 'openai' } });
    const body = JSON.stringify({ model: 'm', messages: MESSAGES, max_tokens: 20 });
    const headers = { 'content-type': 'application/json' };
    return (await send(`${openai.url}/v1/chat/completions`, { method: 'POST', headers, body })).json();
  },
  'openai embeddings': () => inside().embeddings.create({ model: 'm', input: 'hi' }),
  LangChain: () => chat().invoke('hi', { callbacks: [createLangChainHandler({ instance: fusewire })] }),
  'the AI SDK around a guarded fetch': () =>
    major!.ai.generateText({ model: wrapped(), prompt: 'hi', maxOutputTokens: 20, maxRetries: 0 }),
};

async function start(limit: number): Promise<void> {
  for (const stub of [openai, anthropic, google]) stub.reset();
  service.setHardControls([{ controlId: 'c', ruleId: 7, limit: String(limit) }]);
  fusewire = createFusewire(service.options);
  await fusewire.ready();
}

describe.each(Object.entries(WAYS))('%s under a hard budget', (_name, ask) => {
  it('is held once, and its one event settles it', async () => {
    await start(1_000_000);
    await ask();
    await fusewire.close();
    expect(service.events).toHaveLength(1);
    expect(service.holds.map(({ id }) => id)).toContain(service.events[0]?.['holdId']);
    expect(service.holdBudget('c')).toMatchObject({ held: '0', charged: '0' });
    expect(Number(service.holdBudget('c').spend)).toBeGreaterThan(0);
  });

  it('is refused before anything leaves', async () => {
    await start(1);
    const error = await ask().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(BudgetExceededError.find(error)).toMatchObject({ reason: 'BUDGET_EXCEEDED' });
    const before = [openai.requests.length, anthropic.requests.length, google.requests.length];
    expect(before).toEqual([0, 0, 0]);
    await fusewire.close();
    expect(service.events).toHaveLength(0);
    expect(service.holdBudget('c')).toMatchObject({ held: '0', spend: '0' });
  });
});
