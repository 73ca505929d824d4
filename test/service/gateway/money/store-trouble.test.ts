/** A database that goes away and comes back while calls are under way: nothing is lost, nothing twice, nobody stays blocked. */
import type { Agent } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { createFailingDisk } from '../../disk-support.js';
import { usePostgres } from '../../postgres-support.js';
import { startProxy, type TcpProxy } from '../../tcp-proxy.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from '../whole/whole.js';
import { ask, type Got, inLedger, nano, openAgent, posted, refusalOf, spentBy, statuses } from './money-support.js';

const server = usePostgres();
const BODY = { model: 'llama3.2', messages: [{ role: 'user', content: 'say:3' }], stream: false };
const CALLS = 100;
const BUDGET = '0.3';

describe('a store in trouble', () => {
  let whole: Whole;
  let agent: Agent;
  let proxy: TcpProxy | undefined;
  let payer: Payer;

  beforeEach(() => {
    agent = openAgent();
  });
  afterEach(async () => {
    agent.destroy();
    await whole.close();
    await proxy?.close();
    proxy = undefined;
  });

  async function prepare(): Promise<void> {
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    payer = await whole.payer({ budget: BUDGET });
  }

  const send = (): Promise<Got> => ask(agent, whole.url, { path: '/api/chat', key: payer.key, body: BODY });

  /** Uses up what is left, one call after the other; then the ledger has exactly as many as the budget has room for. */
  async function endsExactly(): Promise<void> {
    await until(
      async () => {
        const got = await send();
        return got.status === 402 && refusalOf(got)['code'] !== 'UNKNOWN_PRICE' && posted(whole) === CALLS;
      },
      'a budget that is used up',
      30_000,
    );
    expect(posted(whole)).toBe(CALLS);
    await inLedger(whole, payer, CALLS);
    expect(await spentBy(whole, payer)).toBe(BigInt(CALLS) * OLLAMA_NANO_USD);
    const last = refusalOf(await send());
    expect(nano(last['held']!)).toBe(0n);
    expect(nano(last['spend']!)).toBe(nano(BUDGET));
    expect((await whole.store.verifyBalances()).wrong).toEqual([]);
  }

  it('connections that are cut over and over, under load: exactly 100 calls in the end', async () => {
    proxy = await startProxy(await server.createMigrated());
    whole = await openWhole({ service: { databaseUrl: proxy.url } });
    await prepare();
    let isOver = false;
    const cutting = (async () => {
      while (!isOver) {
        await new Promise((go) => setTimeout(go, 40));
        proxy.cut();
      }
    })();
    const answers: Got[] = [];
    await Promise.all(Array.from({ length: 60 }, async () => answers.push(await send())));
    await new Promise((go) => setTimeout(go, 300));
    await Promise.all(Array.from({ length: 60 }, async () => answers.push(await send())));
    isOver = true;
    await cutting;
    // Whoever could not be decided on was told so, and was not sent.
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(posted(whole));
    expect(Object.keys(statuses(answers)).every((status) => ['200', '402', '503'].includes(status))).toBe(true);
    await endsExactly();
  }, 90_000);

  it('a commit whose answer is lost, and one that is lost itself, while calls go on', async () => {
    proxy = await startProxy(await server.createMigrated());
    whole = await openWhole({ service: { databaseUrl: proxy.url } });
    await prepare();
    proxy.fate('insert-event', 'answer-lost', 'lost', 'answer-lost', 'answered', 'lost');
    for (let i = 0; i < 8; i += 1) {
      await Promise.all(Array.from({ length: 5 }, () => send()));
      await new Promise((go) => setTimeout(go, 60));
    }
    expect(proxy.met.length).toBeGreaterThan(2);
    await endsExactly();
  }, 90_000);

  it('a database that says nothing for a while: calls under way end and are counted, later ones are decided on again', async () => {
    proxy = await startProxy(await server.createMigrated());
    whole = await openWhole({ service: { databaseUrl: proxy.url } });
    await prepare();
    expect((await send()).status).toBe(200);
    whole.standIn.plan = () => 'hold-head';
    const under = Array.from({ length: 10 }, () => send());
    await until(() => posted(whole) === 11, 'ten calls under way');
    proxy.silent = true;
    whole.standIn.plan = undefined;
    whole.standIn.releaseAll();
    for (const { status } of await Promise.all(under)) expect(status).toBe(200);
    proxy.cut();
    proxy.silent = false;
    await endsExactly();
  }, 90_000);

  it('a disk that is full for a while: nothing is free meanwhile, and it ends exactly', async () => {
    const disk = createFailingDisk();
    whole = await openWhole({ service: { openStore: disk.open } });
    await prepare();
    for (let i = 0; i < 5; i += 1) expect((await send()).status).toBe(200);
    disk.isFull = true;
    const meanwhile = await Promise.all(Array.from({ length: 20 }, () => send()));
    for (const { status } of meanwhile) expect([200, 503]).toContain(status);
    const passed = meanwhile.filter(({ status }) => status === 200).length;
    expect(posted(whole)).toBe(5 + passed);
    disk.isFull = false;
    await inLedger(whole, payer, 5 + passed);
    await endsExactly();
  }, 60_000);
});
