/** Hard budgets through the gateway: covered by holds of the ledger, exact over any number of gateways. */
import type { Agent } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CostControlInput } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { usePostgres } from '../../postgres-support.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from '../whole/whole.js';
import { type Asked, ask, type Got, inLedger, nano, openAgent, refusalOf, spentBy, statuses } from './money-support.js';

const server = usePostgres();

describe.each(['sqlite', 'postgres'] as const)('hard budgets, on %s', (kind) => {
  let whole: Whole;
  let agent: Agent;

  beforeEach(async () => {
    const databaseUrl = kind === 'postgres' ? await server.createMigrated() : undefined;
    whole = await openWhole({ service: databaseUrl === undefined ? {} : { databaseUrl } });
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    agent = openAgent();
  });
  afterEach(async () => {
    agent.destroy();
    await whole.close();
  });

  const send = (asked: Asked) => ask(agent, whole.url, asked);
  const hard = async (payer: Payer, fields: Partial<CostControlInput> = {}) => {
    const made = await whole.control({
      ...{ name: 'hard', metricType: 'TOTAL_COST', windowType: 'MONTHLY', enforcement: 'HARD', hardLimit: '0.03' },
      ...{ onUnknownPrice: 'refuse', filters: [{ dimension: 'SUBSCRIBER', operator: 'IS', value: payer.id }] },
      ...fields,
    });
    // The gateway reads controls in the background when one is made.
    await until(async () => {
      const headers = { authorization: `Bearer ${payer.key}` };
      const answer = await fetch(`${whole.url}/api/tags`, { headers });
      await answer.arrayBuffer();
      return answer.headers.get('fusewire-budget-control') === made.id;
    }, 'the budget known');
    return made;
  };
  const held = async (): Promise<bigint> =>
    (await whole.store.holdTotals(whole.teamId))
      .flatMap(({ metrics }) => metrics)
      .reduce((sum, one) => sum + one.held, 0n);

  it('a hundred at once on a budget for ten: ten pass, nothing is held afterwards', async () => {
    const payer = await whole.payer();
    await hard(payer);
    const calls = Array.from({ length: 100 }, () => chat(payer));
    const answers = await Promise.all(calls.map(send));
    expect(statuses(answers)).toEqual({ 200: 10, 402: 90 });
    expect(whole.standIn.seen.filter(({ method }) => method === 'POST')).toHaveLength(10);
    const events = await inLedger(whole, payer, 10);
    expect(await spentBy(whole, payer)).toBe(10n * OLLAMA_NANO_USD);
    for (const event of events) expect(event.body['holdId']).toMatch(/^[\w-]{36}$/);
    const refused = refusalOf(answers.find(({ status }) => status === 402) as Got);
    expect(refused).toMatchObject({ limit: '0.03', asked: '0.003' });
    await until(async () => (await held()) === 0n, 'nothing held', 20_000);
  });

  it('clamps, downgrades and tells to come back, each where the control says so, and says it on the answer', async () => {
    const payer = await whole.payer();
    await hard(payer, { hardLimit: '0.0006', clampOutput: true });
    // 4,096 tokens at 0.6 dollars a million are 0.0025 dollars: what is left is enough for less.
    const clamped = await send(mini(payer, 4_096));
    expect(clamped.status).toBe(200);
    const limit = Number(clamped.headers['fusewire-max-tokens']);
    expect(limit).toBeGreaterThan(16);
    expect(limit).toBeLessThan(1_000);
    const [sent] = whole.standIn.seen.filter(({ method }) => method === 'POST');
    expect((sent!.body as Record<string, unknown>).max_tokens).toBe(limit);

    const other = await whole.payer();
    await whole.price({ model: 'free-one', provider: 'OLLAMA', perRequest: '0.0001' });
    await hard(other, { hardLimit: '0.001', downgradeTo: 'free-one' });
    const downgraded = await send(chat(other));
    expect(downgraded.status).toBe(200);
    expect(downgraded.headers).toMatchObject({ 'fusewire-model': 'free-one', 'fusewire-downgraded-from': 'llama3.2' });
    const [event] = await inLedger(whole, other, 1);
    expect(event!.body['model']).toBe('free-one');
    expect(event!.body['attributes']).toMatchObject({ downgradedFrom: 'llama3.2' });

    const third = await whole.payer();
    await hard(third, { hardLimit: '0.003', throttleMs: 5_000 });
    whole.standIn.plan = () => 'hold-head';
    const first = send(chat(third));
    await until(async () => (await held()) >= OLLAMA_NANO_USD, 'the first call held for');
    const second = await send(chat(third));
    expect(second.status).toBe(429);
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
    whole.standIn.plan = undefined;
    whole.standIn.releaseAll();
    expect((await first).status).toBe(200);
    await inLedger(whole, third, 1);
    expect((await send(chat(third))).status).toBe(402);
    const told = await until(async () => {
      const { items } = await whole.store.listEnforcementEvents(whole.teamId, { page: 0, size: 100 });
      const kinds = new Set(items.map((item) => item.kind as string));
      return ['clamped', 'downgraded', 'throttled', 'refusal'].every((one) => kinds.has(one));
    }, 'all of it told');
    expect(told).not.toBe(false);
  });

  it('a request without an output limit gets the one that is held for', async () => {
    const payer = await whole.payer();
    await hard(payer, { hardLimit: '1', assumedOutputTokens: 700 });
    const got = await send(mini(payer));
    expect(got.status).toBe(200);
    const [sent] = whole.standIn.seen.filter(({ method }) => method === 'POST');
    const body = sent!.body as Record<string, unknown>;
    expect(body['max_completion_tokens'] ?? body['max_tokens']).toBe(700);
    expect(got.headers['fusewire-max-tokens']).toBe('700');
    await inLedger(whole, payer, 1);
  });

  it('what it refuses is told with spend, held, raises and what was asked', async () => {
    const payer = await whole.payer();
    const control = await hard(payer, { hardLimit: '0.004' });
    expect((await send(chat(payer))).status).toBe(200);
    await inLedger(whole, payer, 1);
    const refused = refusalOf(await send(chat(payer)));
    expect(refused).toMatchObject({ limit: '0.004', raised: null, spend: '0.003', held: '0', asked: '0.003' });
    const untilMs = Date.now() + 3_600_000;
    await whole.store.raiseControl(whole.teamId, control.id, { amount: '0.003', untilMs, reason: 'test' });
    await until(async () => (await send(chat(payer))).status === 200, 'the raise felt');
    const again = refusalOf(await send(chat(payer)));
    expect(again).toMatchObject({ limit: '0.004', raised: '0.003', asked: '0.003' });
    expect(nano(again['spend']!) + nano(again['held']!)).toBe(nano('0.006'));
  });
});

function chat({ key }: Payer): Asked {
  const messages = [{ role: 'user', content: 'say:5 Hello' }];
  return { path: '/api/chat', key, body: { model: 'llama3.2', messages, stream: false } };
}

function mini({ key }: Payer, max_tokens?: number): Asked {
  const messages = [{ role: 'user', content: 'say:20 Hello' }];
  const limit = max_tokens === undefined ? {} : { max_tokens };
  return { path: '/v1/chat/completions', key, body: { model: 'gpt-4o-mini', messages, ...limit } };
}
