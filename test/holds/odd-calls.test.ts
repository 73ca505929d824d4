/** Calls that are odd and legal, from the SDK to the real service: each is held for, or refused, and none passes beside a hold. */
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { CostControlInput } from '../../service/store/store.js';
import { createFusewire, type Fusewire } from '../../src/instance.js';
import { openServiceFixture, type ServiceFixture } from '../helpers/service-fixture.js';
import { openTestStore } from '../helpers/stores.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { hardControl } from './service-desk.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];

let stub: StubProvider;
let service: ServiceFixture;
let fusewire: Fusewire;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());
beforeEach(async () => {
  stub.reset();
  service = await openServiceFixture(openTestStore);
});
afterEach(async () => {
  await fusewire.close();
  await service.close();
});

async function guarded(fields: Partial<CostControlInput>): Promise<OpenAI> {
  await service.store.createControl(service.team.id, { ...hardControl('odd', { limit: 10_000 }), ...fields });
  fusewire = createFusewire({
    ...{ apiKey: service.keys.metering, teamId: service.team.id, meteringBaseUrl: service.url },
    ...{ circuitBreakerEnabled: true, failMode: 'open', logLevel: 'CRITICAL' },
  });
  await fusewire.ready();
  return fusewire.guard(new OpenAI({ apiKey: 'sk-test', baseURL: `${stub.url}/v1`, maxRetries: 0 }));
}

const caught = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('under a hard budget', () => {
  it('a request that names no model is held for as one of an unknown model, as its event counts', async () => {
    const client = await guarded({ metricType: 'IMAGE_COUNT', hardLimit: '2', groupBy: 'MODEL' });
    await client.images.generate({ prompt: 'a fuse' });
    await client.images.generate({ prompt: 'a wire' });
    expect(fusewire.status().holds).toMatchObject({ unheld: 0 });
    expect(await caught(client.images.generate({ prompt: 'one too many' }))).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(2);
    const { items } = await service.store.listHolds(service.team.id, { page: 0, size: 10 });
    expect(items[0]?.parts[0]?.group).toBe('unknown');
  });

  it('a name of a model that is longer than an event takes is cut as in its event', async () => {
    const client = await guarded({ metricType: 'OUTPUT_TOKEN_COUNT', hardLimit: '100', groupBy: 'MODEL' });
    const model = `/models/${'m'.repeat(600)}`;
    await client.chat.completions.create({ model, messages: MESSAGES, max_tokens: 10 });
    expect(fusewire.status().holds).toMatchObject({ unheld: 0 });
    const asked = { model, messages: MESSAGES, max_tokens: 101 };
    expect(await caught(client.chat.completions.create(asked))).toBeInstanceOf(BudgetExceededError);
  });

  it('whoever is called by a name without end has one budget, as has a credential', async () => {
    const client = await guarded({ metricType: 'OUTPUT_TOKEN_COUNT', hardLimit: '100', groupBy: 'SUBSCRIBER' });
    const subscriber = { id: 'u'.repeat(100_000), credential: { name: 'key', value: 'k'.repeat(100_000) } };
    const ask = (max_tokens: number) => {
      const asked = { model: 'gpt-4o-mini', messages: MESSAGES, max_tokens, usageMetadata: { subscriber } };
      return client.chat.completions.create(asked as never);
    };
    await ask(90);
    expect(await caught(ask(101))).toBeInstanceOf(BudgetExceededError);
    expect(fusewire.status().holds).toMatchObject({ unheld: 0 });
    await fusewire.close();
    const [hold] = (await service.store.listHolds(service.team.id, { page: 0, size: 10 })).items;
    expect(hold?.parts[0]).toMatchObject({ group: 'u'.repeat(1_024), state: 'closed', overrun: 0n });
    expect(hold?.parts[0]?.drawn).toBeGreaterThan(0n);
  });

  it('a request for more than there is in the world is refused, with a slice here and without', async () => {
    const client = await guarded({ metricType: 'TOTAL_COST', hardLimit: '1' });
    const ask = (max_tokens: number) =>
      client.chat.completions.create({ model: 'gpt-4-turbo', messages: MESSAGES, max_tokens });
    const first = await caught(ask(Number.MAX_SAFE_INTEGER));
    expect(first).toBeInstanceOf(BudgetExceededError);
    await ask(10);
    const second = await caught(ask(Number.MAX_SAFE_INTEGER));
    expect(second).toBeInstanceOf(BudgetExceededError);
    expect(fusewire.status().holds).toMatchObject({ unheld: 0 });
    expect(stub.requests).toHaveLength(1);
  });

  it('names with a character that no database takes are replaced in it, in the hold and in the event alike', async () => {
    const client = await guarded({ metricType: 'TOKEN_COUNT', hardLimit: '1000', groupBy: 'SUBSCRIBER' });
    const subscriber = { id: 'u\u00001', email: 'a\u0000@example.org' };
    const asked = { model: 'gpt-4o-mini', messages: MESSAGES, max_tokens: 10, usageMetadata: { subscriber } };
    await client.chat.completions.create(asked as never);
    expect(fusewire.status().holds).toMatchObject({ unheld: 0 });
    await fusewire.close();
    const { items } = await service.store.findEvents(service.team.id, { page: 0, size: 10 });
    expect(items[0]?.body['subscriber']).toMatchObject({ id: 'u\ufffd1', email: 'a\ufffd@example.org' });
    const [hold] = (await service.store.listHolds(service.team.id, { page: 0, size: 10 })).items;
    expect(hold?.parts[0]).toMatchObject({ group: 'u\ufffd1', state: 'closed' });
    expect(hold?.parts[0]?.drawn).toBeGreaterThan(0n);
  });

  it('I7: calls that a program meters itself are told apart by nobody, so those of another size hold for themselves', async () => {
    await guarded({ metricType: 'OUTPUT_TOKEN_COUNT', hardLimit: '1000' });
    const call = { model: 'own', provider: 'OWN', maxInputTokens: 0 };
    const large = await fusewire.hold({}, { ...call, maxOutputTokens: 600 });
    const small = await fusewire.hold({}, { ...call, maxOutputTokens: 100 });
    fusewire.meter({ model: 'own', provider: 'OWN', holdId: small.holdId!, outputTokenCount: 100 });
    await fusewire.flush();
    // The large one is under way still: 600 of it and 100 that are spent leave 300.
    const error = await caught(fusewire.hold({}, { ...call, maxOutputTokens: 400 }));
    expect(BudgetExceededError.find(error)?.budget).toMatchObject({ spend: '100', held: '600', asked: '400' });
    (await fusewire.hold({}, { ...call, maxOutputTokens: 300 })).release();
    fusewire.meter({ model: 'own', provider: 'OWN', holdId: large.holdId!, outputTokenCount: 600 });
    await fusewire.close();
    // Nothing is open, and nothing was overrun.
    expect(await service.store.holdTotals(service.team.id)).toEqual([]);
    expect((await service.store.findEvents(service.team.id, { page: 0, size: 9 })).totalElements).toBe(2);
  });
});
