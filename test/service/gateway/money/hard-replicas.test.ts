/** Three gateways on one database under a hard budget: exactly what fits passes, whoever asks whom. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../../service/index.js';
import type { CostControlInput } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { usePostgres } from '../../postgres-support.js';
import { startProxy, type TcpProxy } from '../../tcp-proxy.js';
import { type StandInUpstream, startStandInUpstream } from '../support/stand-in-upstream.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, upstreamVariables } from '../whole/whole.js';
import { hardFields, untilNothingHeld } from './hard-support.js';
import { allEvents, ask, type Got, openAgent, statuses } from './money-support.js';

const server = usePostgres();
const REPLICAS = 3;
const CALLS = 1_000;

describe('gateways on one database', () => {
  const services: RunningService[] = [];
  let standIn: StandInUpstream;
  let agent: Agent;
  let folder: string;
  let proxy: TcpProxy | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fusewire-hard-'));
    agent = openAgent();
  });
  afterEach(async () => {
    agent.destroy();
    standIn.releaseAll();
    await Promise.all(services.splice(0).map((service) => service.close()));
    await standIn.close();
    await proxy?.close();
    proxy = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(replicas: number, databaseUrl: string): Promise<void> {
    const config = join(folder, 'gateway.json');
    writeFileSync(config, JSON.stringify({ limits: { keyRatePerSecond: 0, keyConcurrencyMax: 0 } }));
    standIn = await startStandInUpstream();
    const gateway = { ...upstreamVariables(standIn), FUSEWIRE_GATEWAY_CONFIG: config };
    for (let i = 0; i < replicas; i += 1) services.push(await startService({ databaseUrl, gateway }));
  }

  const first = () => {
    const { store, team } = services[0]!;
    return { store, teamId: team.id };
  };

  async function made(path: string, json: object) {
    const { url, keys } = services[0]!;
    const headers = { 'x-api-key': keys.write, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(json) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { id: string; key: string };
  }

  /** A customer with a hard budget that every gateway knows. */
  async function payer(fields: Partial<CostControlInput>) {
    await made('/v2/api/fusewire/prices', { kind: 'rates', model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    const { id } = await made('/v2/api/customers', { name: 'Payer', email: 'payer@example.com' });
    const { key } = await made(`/v2/api/customers/${id}/keys`, {});
    const { store, teamId } = first();
    const control = await store.createControl(teamId, hardFields({ id }, fields));
    for (const { gatewayUrl } of services) {
      await until(async () => {
        const answer = await fetch(`${gatewayUrl}/api/tags`, { headers: { authorization: `Bearer ${key}` } });
        await answer.arrayBuffer();
        return answer.headers.get('fusewire-budget-control') === control.id;
      }, 'the budget known everywhere');
    }
    return { id, key };
  }

  const send = (key: string, at: number, fields: object = {}): Promise<Got> => {
    const body = { model: 'llama3.2', messages: [{ role: 'user', content: 'say:3' }], stream: false, ...fields };
    return ask(agent, services[at % services.length]!.gatewayUrl!, { path: '/api/chat', key, body });
  };

  it('a thousand at once on three of them, on a budget for a tenth: a hundred pass', async () => {
    await open(REPLICAS, await server.createMigrated());
    const { id, key } = await payer({ hardLimit: '0.3' });
    const answers = await Promise.all(Array.from({ length: CALLS }, (_, i) => send(key, i)));
    const passed = statuses(answers);
    // No more than fit, ever. What one gateway set aside and did not need may have been missed by another for a moment.
    expect(passed[200]).toBeLessThanOrEqual(CALLS / 10);
    expect((passed[200] ?? 0) + (passed[402] ?? 0) + (passed[503] ?? 0)).toBe(CALLS);
    let sent = passed[200] ?? 0;
    await until(
      async () => {
        for (let at = 0; at < REPLICAS; at += 1) if ((await send(key, at)).status === 200) sent += 1;
        return sent >= CALLS / 10;
      },
      'the hundredth call',
      60_000,
    );
    expect(sent).toBe(CALLS / 10);
    for (let at = 0; at < REPLICAS; at += 1) expect((await send(key, at)).status).toBe(402);
    const whole = first();
    await until(async () => (await allEvents(whole, { id })).length === sent, 'all of them in the ledger', 20_000);
    const events = await allEvents(whole, { id });
    expect(events.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n)).toBe(BigInt(sent) * OLLAMA_NANO_USD);
    await untilNothingHeld(whole, 30_000);
    expect((await whole.store.verifyBalances()).wrong).toEqual([]);
  }, 120_000);

  it('by tokens: each may need more than it does, and the limit is never passed', async () => {
    await open(REPLICAS, await server.createMigrated());
    const limit = 900;
    const { id, key } = await payer({ metricType: 'OUTPUT_TOKEN_COUNT', hardLimit: String(limit) });
    const options = { options: { num_predict: 30 } };
    const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => send(key, i, options)));
    const whole = first();
    // Three tokens each, of thirty: whoever comes back finds room until less than thirty are left.
    let passed = statuses(answers)[200] ?? 0;
    expect(passed).toBeGreaterThan(0);
    let vain = 0;
    let tries = 0;
    await until(
      async () => {
        const { status } = await send(key, tries, options);
        tries += 1;
        if (status === 200) passed += 1;
        vain = status === 200 ? 0 : vain + 1;
        return vain >= 20 && passed * 3 > limit - 60;
      },
      'the budget used up',
      60_000,
    );
    await until(async () => (await allEvents(whole, { id })).length === passed, 'all of them in the ledger', 20_000);
    const spend = (await allEvents(whole, { id })).reduce((sum, one) => sum + Number(one.body['outputTokenCount']), 0);
    expect(spend).toBeLessThanOrEqual(limit);
    expect(spend).toBeGreaterThan(limit - 60);
    await untilNothingHeld(whole, 30_000);
  }, 120_000);

  it('a database that says nothing: nobody is let through, and it recovers by itself', async () => {
    proxy = await startProxy(await server.createMigrated());
    await open(1, proxy.url);
    const { key } = await payer({ hardLimit: '0.03' });
    proxy.silent = true;
    const before = standIn.seen.filter(({ method }) => method === 'POST').length;
    const away = await Promise.all(Array.from({ length: 5 }, () => send(key, 0)));
    for (const { status, headers } of away) {
      expect(status).toBe(503);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(standIn.seen.filter(({ method }) => method === 'POST')).toHaveLength(before);
    proxy.cut();
    proxy.silent = false;
    let passed = 0;
    await until(
      async () => {
        const { status } = await send(key, 0);
        if (status === 200) passed += 1;
        return status === 402 && passed === 10;
      },
      'ten calls in all',
      30_000,
    );
    await untilNothingHeld(first(), 90_000);
  }, 120_000);
});
