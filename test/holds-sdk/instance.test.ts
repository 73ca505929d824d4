import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { FusewireOptions } from '../../src/config.js';
import { createFusewire, type Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { until } from '../helpers/until.js';

const CHAT = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }], max_tokens: 10 };
const RULE = { ruleId: 7, name: 'hard', enforcement: 'HARD', action: 'BLOCK', breached: false };

let stub: StubProvider;
let service: FakeService;
let fusewire: Fusewire;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());
beforeEach(async () => {
  stub.reset();
  service = await startFakeService();
});
afterEach(async () => {
  await fusewire.close();
  await service.close();
});

async function guarded(limit: number, options: FusewireOptions = {}): Promise<OpenAI> {
  service.setRules([RULE]);
  service.setHardControls([{ controlId: 'c', ruleId: 7, limit: String(limit) }]);
  fusewire = createFusewire({ ...service.options, ...options });
  await fusewire.ready();
  return fusewire.guard(new OpenAI({ apiKey: 'sk-test', baseURL: `${stub.url}/v1`, maxRetries: 0 }));
}

const caught = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('an instance and a service that gives holds', () => {
  it('meters what it held for, and gives everything back when it closes', async () => {
    const client = await guarded(1_000_000);
    for (let call = 0; call < 20; call += 1) await client.chat.completions.create(CHAT);
    expect(fusewire.status().holds).toMatchObject({ unheld: 0, refused: 0 });
    expect(fusewire.status().holds?.drawnLocally).toBeGreaterThan(5);
    await fusewire.close();
    expect(service.events).toHaveLength(20);
    const ids = new Set(service.holds.map(({ id }) => id));
    for (const event of service.events) expect(ids.has(String(event['holdId']))).toBe(true);
    expect(service.holdBudget('c')).toMatchObject({ held: '0', charged: '0' });
    expect(Number(service.holdBudget('c').spend)).toBeGreaterThan(0);
  });

  it('never overspends with 64 parallel callers, and refuses with the arithmetic', async () => {
    const client = await guarded(2_000);
    const ended = await Promise.all(Array.from({ length: 64 }, () => caught(client.chat.completions.create(CHAT))));
    const refused = ended.filter((error): error is BudgetExceededError => error instanceof BudgetExceededError);
    expect(refused.length).toBeGreaterThan(0);
    expect(stub.requests).toHaveLength(64 - refused.length);
    expect(refused[0]?.budget).toMatchObject({ limit: '0.000002', metric: 'TOTAL_COST' });
    await fusewire.close();
    const { spend, held } = service.holdBudget('c');
    expect(Number(spend)).toBeLessThanOrEqual(2_000);
    expect(held).toBe('0');
    expect(service.refusals.reduce((sum, { count }) => sum + Number(count), 0)).toBe(refused.length);
  });

  it('goes on by the last verdicts while the service is away, fail-open, and holds again when it is back', async () => {
    const client = await guarded(1_000_000);
    service.fail(503);
    await client.chat.completions.create(CHAT);
    expect(fusewire.status().holds?.unheld).toBe(1);
    service.recover();
    await until(async () => {
      await client.chat.completions.create(CHAT);
      return (fusewire.status().holds?.holds ?? 0) > 0;
    }, 'holds are taken again');
  });

  it('refuses while the service is away, fail-closed', async () => {
    const client = await guarded(1_000_000, { failMode: 'closed' });
    service.fail(503);
    expect(await caught(client.chat.completions.create(CHAT))).toMatchObject({ reason: 'HOLD_UNAVAILABLE' });
    expect(stub.requests).toHaveLength(0);
  });

  it('holds for calls that a program makes and meters itself', async () => {
    await guarded(10_000);
    const call = { model: 'm', provider: 'OPENAI', maxInputTokens: 100, maxOutputTokens: 50 };
    const unused = await fusewire.hold(undefined, call);
    unused.release();
    const { holdId } = await fusewire.hold({ agent: 'a' }, call);
    expect(holdId).toEqual(expect.any(String));
    fusewire.meter({
      model: 'm',
      provider: 'OPENAI',
      inputTokenCount: 10,
      outputTokenCount: 5,
      ...(holdId && { holdId }),
    });
    const refused = await caught(fusewire.hold(undefined, { ...call, maxInputTokens: 100_000 }));
    expect(refused).toMatchObject({ reason: 'BUDGET_EXCEEDED', budget: { limit: '0.00001' } });
    expect(await caught(fusewire.hold(undefined, { ...call, maxInputTokens: -1 }))).toMatchObject({
      code: 'INVALID_OPTIONS',
    });
    await fusewire.close();
    expect(service.events).toMatchObject([{ holdId }]);
    expect(service.holdBudget('c')).toMatchObject({ spend: '15', held: '0' });
  });

  it('holds nothing under a bypass, and where no rule is hard', async () => {
    const client = await guarded(0);
    fusewire.setBypass(true);
    await client.chat.completions.create(CHAT);
    fusewire.setBypass(false);
    service.setRules([{ ...RULE, enforcement: 'POLLED' }]);
    await until(async () => (await caught(client.chat.completions.create(CHAT))) === undefined, 'the rule is polled');
    expect(service.holds).toHaveLength(0);
  });
});
