/** The whole loop in one process: real clients, real HTTP, the real service on its embedded database, one shared clock. */
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FusewireOptions } from '../../src/config.js';
import { BudgetExceededError } from '../../src/index.js';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import { type LoopService, startLoopService } from '../helpers/loop-service.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { until } from '../helpers/until.js';

const DAY_MS = 86_400_000;
const messages = [{ role: 'user' as const, content: 'Why do budgets fail?' }];

let clockOffsetMs: number;
let service: LoopService;
let openaiServer: StubProvider;
let ollamaServer: StubOllama;
let instances: Fusewire[];

const now = () => Date.now() + clockOffsetMs;

beforeEach(async () => {
  clockOffsetMs = 0;
  instances = [];
  [service, openaiServer, ollamaServer] = await Promise.all([
    startLoopService(now),
    startStubProvider(),
    startStubOllama(),
  ]);
});

afterEach(async () => {
  await Promise.all(instances.map((instance) => instance.close()));
  await Promise.all([service.close(), openaiServer.close(), ollamaServer.close()]);
});

function instance(options: FusewireOptions = {}): Fusewire {
  const made = createFusewireOn({ now }, { ...service.options, pollIntervalSeconds: 0.2, ...options });
  instances.push(made);
  return made;
}

const openaiClient = (fusewire: Fusewire) =>
  fusewire.guard(new OpenAI({ apiKey: 'x', baseURL: `${openaiServer.url}/v1`, maxRetries: 2 }), { injectUsage: true });
const ollamaClient = (fusewire: Fusewire) => fusewire.guard(new Ollama({ host: ollamaServer.url }));
const refusalOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error as BudgetExceededError | undefined;
};

describe('the loop', () => {
  it('I1, I4, I13: spends, trips, refuses before the request leaves, resets, and all of it was metered', async () => {
    await service.createControl({ name: 'Daily tokens', metricType: 'TOKEN_COUNT', hardLimit: 40 });
    const fusewire = instance();
    const openai = openaiClient(fusewire);
    const ollama = ollamaClient(fusewire);
    expect(await fusewire.ready()).toBe(true);

    let answered = 0;
    let refusal: BudgetExceededError | undefined;
    while (refusal === undefined && answered < 100) {
      const call: Promise<unknown> =
        answered % 2 === 0
          ? openai.chat.completions.create({ model: 'gpt-4o-mini', messages, usageMetadata: { agent: 'triage' } })
          : ollama.chat({ model: 'gemma3', messages });
      refusal = await refusalOf(call);
      if (refusal === undefined) answered += 1;
      await fusewire.flush();
    }
    expect(refusal).toBeInstanceOf(BudgetExceededError);
    expect(refusal).toMatchObject({ ruleName: 'Daily tokens', threshold: 40, periodType: 'DAILY' });
    expect(refusal?.currentValue).toBeGreaterThanOrEqual(40);
    expect(Date.parse(String(refusal?.resetsAt))).toBeGreaterThan(now());

    const before = openaiServer.requests.length + ollamaServer.requests.length;
    expect(await refusalOf(openai.chat.completions.create({ model: 'm', messages }))).toBeInstanceOf(
      BudgetExceededError,
    );
    expect(await refusalOf(openai.responses.create({ model: 'm', input: 'x' }))).toBeInstanceOf(BudgetExceededError);
    expect(await refusalOf(ollama.generate({ model: 'm', prompt: 'x' }))).toBeInstanceOf(BudgetExceededError);
    expect(openaiServer.requests.length + ollamaServer.requests.length).toBe(before);
    expect(before).toBe(answered);

    clockOffsetMs += DAY_MS;
    expect(await refusalOf(openai.chat.completions.create({ model: 'gpt-4o-mini', messages }))).toBeUndefined();
    expect(await fusewire.flush()).toBe(true);
    const events = await service.events();
    expect(events).toHaveLength(answered + 1);
    expect(new Set(events.map((event) => event.transactionId)).size).toBe(answered + 1);
    expect(await service.verify()).toEqual([]);
    expect(fusewire.status().calls).toMatchObject({ refused: 4, attempts: answered + 1, open: 0 });
  });

  it('I13: a tripped verdict ends with its window although the service is dead', async () => {
    await service.createControl({ name: 'Nothing today', metricType: 'TOTAL_COST', hardLimit: 0 });
    const fusewire = instance({ shutdownTimeoutSeconds: 0.1 });
    const openai = openaiClient(fusewire);
    await fusewire.ready();
    expect(await refusalOf(openai.embeddings.create({ model: 'm', input: 'x' }))).toBeInstanceOf(BudgetExceededError);
    await service.close();
    clockOffsetMs += 60_000;
    expect(await refusalOf(openai.embeddings.create({ model: 'm', input: 'x' }))).toBeInstanceOf(BudgetExceededError);
    clockOffsetMs += DAY_MS;
    expect(await refusalOf(openai.embeddings.create({ model: 'm', input: 'x' }))).toBeUndefined();
  });

  it('I11: two instances with different teams in one process do not see each other', async () => {
    const other = await service.otherTeam();
    await service.createControl({ name: 'Only ours', metricType: 'TOTAL_COST', hardLimit: 0 });
    const ours = instance();
    const theirs = instance(other.options);
    await Promise.all([ours.ready(), theirs.ready()]);
    expect(await refusalOf(ollamaClient(ours).chat({ model: 'm', messages }))).toBeInstanceOf(BudgetExceededError);
    expect(await refusalOf(ollamaClient(theirs).chat({ model: 'm', messages }))).toBeUndefined();
    await theirs.flush();
    expect(await service.events()).toHaveLength(0);
    expect(await other.events()).toHaveLength(1);
    expect(theirs.status().calls.refused).toBe(0);
  });

  it('meters and polls nothing while the circuit breaker is not enabled', async () => {
    await service.createControl({ name: 'Nothing', metricType: 'TOTAL_COST', hardLimit: 0 });
    const fusewire = instance({ circuitBreakerEnabled: false });
    const openai = openaiClient(fusewire);
    expect(await fusewire.ready()).toBe(true);
    expect(await refusalOf(openai.chat.completions.create({ model: 'm', messages }))).toBeUndefined();
    expect(await fusewire.flush()).toBe(true);
    expect(await service.events()).toHaveLength(1);
    expect(fusewire.status()).toMatchObject({ enabled: false, enforcement: undefined });
  });

  it('a raised limit lets calls through again without a restart', async () => {
    const control = await service.createControl({ name: 'Tight', metricType: 'TOKEN_COUNT', hardLimit: 0 });
    const fusewire = instance();
    const ollama = ollamaClient(fusewire);
    await fusewire.ready();
    expect(await refusalOf(ollama.chat({ model: 'm', messages }))).toBeInstanceOf(BudgetExceededError);
    await service.patchControl(control.id, { hardLimit: 1000 });
    await until(
      async () => (await refusalOf(ollama.chat({ model: 'm', messages }))) === undefined,
      'the raise is felt',
    );
  });

  it('a grouped control refuses the one who spent, and lets the others through', async () => {
    await service.createControl({ name: 'Per user', metricType: 'TOKEN_COUNT', hardLimit: 10, groupBy: 'SUBSCRIBER' });
    const fusewire = instance();
    const openai = openaiClient(fusewire);
    await fusewire.ready();
    const ask = (subscriber: object) =>
      refusalOf(openai.chat.completions.create({ model: 'm', messages, usageMetadata: { subscriber } }));
    const rita = { id: 'u-88', email: 'rita@example.org' };
    expect(await ask(rita)).toBeUndefined();
    await fusewire.flush();
    await until(async () => (await ask(rita)) !== undefined, 'the group trips');
    expect(await ask({ email: 'rita@example.org' }), 'leaving the id out opens no second budget').toBeDefined();
    expect(await ask({ id: 'u-99' })).toBeUndefined();
    expect(await ask({})).toBeUndefined();
  });

  it('checkEnforcement and meter serve programs that call models in another way', async () => {
    await service.createControl({ name: 'Cap', metricType: 'TOTAL_COST', hardLimit: 0.01 });
    const fusewire = instance();
    await fusewire.ready();
    fusewire.checkEnforcement({ agent: 'batch' }, { model: 'gpt-4o-mini', provider: 'OPENAI' });
    fusewire.meter({ model: 'gpt-4o-mini', provider: 'OPENAI', inputTokenCount: 100_000, outputTokenCount: 1000 });
    expect(await fusewire.flush()).toBe(true);
    await until(() => {
      try {
        fusewire.checkEnforcement({}, { model: 'gpt-4o-mini', provider: 'OPENAI' });
        return false;
      } catch (error) {
        return BudgetExceededError.is(error);
      }
    }, 'the metered call trips the control');
  });

  it('a bypass lets every call pass, metered and marked', async () => {
    await service.createControl({ name: 'Nothing', metricType: 'TOTAL_COST', hardLimit: 0 });
    const fusewire = instance();
    const ollama = ollamaClient(fusewire);
    await fusewire.ready();
    expect(await refusalOf(ollama.chat({ model: 'm', messages }))).toBeInstanceOf(BudgetExceededError);
    fusewire.setBypass(true);
    expect(await refusalOf(ollama.chat({ model: 'm', messages }))).toBeUndefined();
    fusewire.setBypass(false);
    expect(await refusalOf(ollama.chat({ model: 'm', messages }))).toBeInstanceOf(BudgetExceededError);
    await fusewire.flush();
    const events = await service.events();
    expect(events).toHaveLength(1);
    expect(events[0]?.body['attributes']).toMatchObject({ bypass: true });
  });
});
