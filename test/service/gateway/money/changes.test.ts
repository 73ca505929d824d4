/** Budgets, prices, customers and keys that change while calls are under way: sums stay right, and nothing stays held. */
import { type Agent, type ClientRequest, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CostControl } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from '../whole/whole.js';
import { ask, inLedger, nano, openAgent, posted, refusalOf, spentBy } from './money-support.js';

const BODY = { model: 'llama3.2', messages: [{ role: 'user', content: 'say:30' }], stream: true };
const MONEY = { metricType: 'TOTAL_COST', windowType: 'MONTHLY', onUnknownPrice: 'refuse', filters: [] } as const;

describe('changes under load', () => {
  let whole: Whole;
  let agent: Agent;
  beforeEach(async () => {
    whole = await openWhole();
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    agent = openAgent();
  });
  afterEach(async () => {
    agent.destroy();
    await whole.close();
  });

  const send = (payer: Payer, body: object = BODY) =>
    ask(agent, whole.url, { path: '/api/chat', key: payer.key, body });

  /** Asks until told to stop; returns how many passed. */
  function load(payer: Payer, workers: number) {
    let isOver = false;
    let passed = 0;
    const work = Array.from({ length: workers }, async () => {
      while (!isOver) if ((await send(payer)).status === 200) passed += 1;
    });
    return {
      async stop(): Promise<number> {
        isOver = true;
        await Promise.all(work);
        return passed;
      },
    };
  }

  /** The budget as a call of now sees it: its spend, and what others hold. */
  async function seen(payer: Payer, own: bigint): Promise<{ spend: bigint; held: bigint }> {
    const got = await send(payer);
    if (got.status === 402) return { spend: nano(refusalOf(got)['spend']!), held: nano(refusalOf(got)['held']!) };
    const { 'fusewire-budget-spend': spend, 'fusewire-budget-held': held } = got.headers;
    return { spend: nano(String(spend)), held: nano(String(held)) - own };
  }

  it('controls that come, change and go: the customer budget is exact in the end', async () => {
    const payer = await whole.payer({ budget: '0.9' });
    const running = load(payer, 8);
    for (let i = 0; i < 6; i += 1) {
      const control: CostControl = await whole.control({ ...MONEY, name: `c${i}`, hardLimit: String(0.03 * (i + 1)) });
      await new Promise((go) => setTimeout(go, 60));
      const { id, ruleId: _, teamId: __, createdAtMs: ___, updatedAtMs: ____, ...fields } = control;
      await whole.store.updateControl(whole.teamId, id, { ...fields, hardLimit: '50', name: `c${i} changed` });
      await new Promise((go) => setTimeout(go, 60));
      await whole.store.deleteControl(whole.teamId, id);
    }
    await until(async () => (await spentBy(whole, payer)) === 300n * OLLAMA_NANO_USD, 'the budget used up', 40_000);
    const passed = await running.stop();
    expect(passed).toBe(300);
    await inLedger(whole, payer, 300);
    await until(async () => (await seen(payer, OLLAMA_NANO_USD)).held === 0n, 'nothing held');
    expect(await seen(payer, OLLAMA_NANO_USD)).toEqual({ spend: 300n * OLLAMA_NANO_USD, held: 0n });
  }, 60_000);

  it('a price that changes under load: what was called before keeps its price, sums agree with the ledger', async () => {
    const payer = await whole.payer({ budget: '100' });
    const running = load(payer, 8);
    let own = OLLAMA_NANO_USD;
    for (const perRequest of ['0.002', '0.005', '0.001', '0.004']) {
      await new Promise((go) => setTimeout(go, 120));
      await whole.price({ model: 'llama3.2', provider: 'OLLAMA', perRequest, perModel: '0.002' });
      own = nano(perRequest) + nano('0.002');
    }
    await new Promise((go) => setTimeout(go, 120));
    const passed = await running.stop();
    await inLedger(whole, payer, passed);
    expect((await spentBy(whole, payer)) % 1_000_000n).toBe(0n);
    // A gateway sees a new price within two seconds, and what was spent by it.
    await until(
      async () => {
        const ledger = await spentBy(whole, payer);
        const { spend, held } = await seen(payer, own);
        await until(async () => (await spentBy(whole, payer)) > ledger, 'the call that asked');
        return held === 0n && spend === ledger;
      },
      'the gateway and the ledger agree',
      20_000,
    );
  }, 60_000);

  it.each([
    ['its key is revoked', (payer: Payer) => whole.store.revokeGatewayKey(whole.teamId, payer.keyId)],
    [
      'its customer is deactivated',
      (payer: Payer) => whole.made(`/v2/api/customers/${payer.id}`, { active: false }, 'PATCH'),
    ],
    ['its customer is deleted', (payer: Payer) => whole.api(`/v2/api/customers/${payer.id}`, undefined, 'DELETE')],
    [
      'its budget is taken away',
      (payer: Payer) => whole.made(`/v2/api/customers/${payer.id}`, { budget: null }, 'PATCH'),
    ],
  ])('an answer goes on and is metered although %s', async (name, change) => {
    const payer = await whole.payer({ budget: '1' });
    whole.standIn.plan = () => 'hold';
    const under = Array.from({ length: 5 }, () => send(payer));
    await until(() => posted(whole) === 5, 'five calls');
    await change(payer);
    whole.standIn.plan = undefined;
    const next = async () => (await send(payer)).status;
    if (name.includes('budget')) expect(await next()).toBe(200);
    else await until(async () => (await next()) === 401, 'the key refused');
    whole.standIn.releaseAll();
    for (const got of await Promise.all(under)) expect([got.status, got.broken]).toEqual([200, false]);
    const count = posted(whole);
    await inLedger(whole, payer, count);
    expect(await spentBy(whole, payer)).toBe(BigInt(count) * OLLAMA_NANO_USD);
  });

  it('open and hang up, over and over: everything is counted, nothing stays held, the upstream is let go', async () => {
    const payer = await whole.payer({ budget: '100' });
    whole.standIn.plan = () => ({ everyMs: 20 });
    const path = ['/api/chat', '/v1/chat/completions'] as const;
    const rounds = 150;
    for (let i = 0; i < rounds; i += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, n) => hangUp(payer, path[n % 2]!, (i + n) % 5)));
    }
    const sent = posted(whole);
    await until(() => whole.standIn.seen.every(({ end }) => end !== undefined), 'every upstream let go', 15_000);
    whole.standIn.plan = undefined;
    const left = whole.standIn.seen.filter(({ end }) => end === 'left');
    expect(left.length).toBeGreaterThan(rounds / 4);
    for (const { generatedAfterLeave } of left) expect(generatedAfterLeave).toBeLessThanOrEqual(1);
    // Whoever was sent is counted; who hung up before that cost nothing, and may be counted as that.
    await until(
      async () => (await spentBy(whole, payer)) >= BigInt(sent) * OLLAMA_NANO_USD,
      'every call that was sent',
    );
    expect(await spentBy(whole, payer)).toBeLessThanOrEqual(BigInt(rounds) * OLLAMA_NANO_USD);
    const { held, spend } = await seen(payer, OLLAMA_NANO_USD);
    expect(held).toBe(0n);
    // The call that asked is in the ledger by now, and nothing else is.
    await until(async () => (await spentBy(whole, payer)) === spend + OLLAMA_NANO_USD, 'the same in the ledger');
  }, 60_000);

  function hangUp(payer: Payer, path: string, chunks: number): Promise<void> {
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${payer.key}`, 'content-type': 'application/json' };
      const asked: ClientRequest = request(`${whole.url}${path}`, { method: 'POST', headers, agent: false });
      asked.on('error', () => resolve());
      asked.on('close', () => resolve());
      asked.end(JSON.stringify(BODY));
      if (chunks === 0) setTimeout(() => asked.destroy(), 2);
      let read = 0;
      asked.on('response', (answer) => {
        answer.on('error', () => undefined);
        answer.on('data', () => {
          read += 1;
          if (read >= chunks) asked.destroy();
        });
      });
    });
  }
});
