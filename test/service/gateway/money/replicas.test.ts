/** Several gateways on one database: how far a budget can be overrun (docs/gateway.md says it), and keys that end. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../../service/index.js';
import { until } from '../../../helpers/until.js';
import { usePostgres } from '../../postgres-support.js';
import { type StandInUpstream, startStandInUpstream } from '../support/stand-in-upstream.js';
import { OLLAMA_FEES, upstreamVariables } from '../whole/whole.js';
import { ask, type Got, openAgent, refusalOf } from './money-support.js';

const server = usePostgres();
const CALLS = 100;
const BODY = { model: 'llama3.2', messages: [{ role: 'user', content: 'say:3' }], stream: false };

describe.each([2, 3])('%d gateways on one database', (replicas) => {
  const services: RunningService[] = [];
  let standIn: StandInUpstream | undefined;
  let agent: Agent;
  let folder: string;

  afterEach(async () => {
    agent.destroy();
    standIn?.releaseAll();
    await Promise.all(services.splice(0).map((service) => service.close()));
    await standIn?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(): Promise<void> {
    const databaseUrl = await server.createMigrated();
    folder = mkdtempSync(join(tmpdir(), 'fusewire-replicas-'));
    const config = join(folder, 'gateway.json');
    writeFileSync(config, JSON.stringify({ limits: { keyRatePerSecond: 0, keyConcurrencyMax: 0 } }));
    standIn = await startStandInUpstream();
    agent = openAgent();
    const gateway = { ...upstreamVariables(standIn), FUSEWIRE_GATEWAY_CONFIG: config };
    for (let i = 0; i < replicas; i += 1) services.push(await startService({ databaseUrl, gateway }));
  }

  async function made(path: string, json: object) {
    const [{ url, keys }] = services as [RunningService];
    const headers = { 'x-api-key': keys.write, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(json) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { id: string; key: string };
  }

  /** A customer with a budget for so many calls. */
  async function payer(): Promise<{ id: string; key: string; keyId: string }> {
    await made('/v2/api/fusewire/prices', { kind: 'rates', model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    const customer = { name: 'Payer', email: 'payer@example.com', budget: String((CALLS * 3) / 1_000) };
    const { id } = await made('/v2/api/customers', customer);
    const { id: keyId, key } = await made(`/v2/api/customers/${id}/keys`, {});
    return { id, key, keyId };
  }

  const send = (key: string, at: number): Promise<Got> =>
    ask(agent, services[at % replicas]!.gatewayUrl!, { path: '/api/chat', key, body: BODY });

  async function spent(id: string): Promise<number> {
    const [{ store, team }] = services as [RunningService];
    const { items } = await store.findEvents(team.id, { subscriber: id, page: 0, size: 2_000 });
    return items.length;
  }

  it('spent by one caller after the other it ends exactly; by a crowd at most by what is under way elsewhere', async () => {
    await open();
    const { id, key } = await payer();
    // In the worst case, all at once, each gateway lets the whole budget through once: nobody else's calls are known.
    const crowd = await Promise.all(Array.from({ length: 1_000 }, (_, i) => send(key, i)));
    const passed = crowd.filter(({ status }) => status === 200).length;
    expect(passed).toBeGreaterThanOrEqual(CALLS);
    expect(passed).toBeLessThanOrEqual(CALLS * replicas);
    expect(crowd.filter(({ status }) => status === 402)).toHaveLength(1_000 - passed);
    await until(async () => (await spent(id)) === passed, 'all that passed in the ledger');
    // From then on everybody refuses, and a moment later with the same arithmetic.
    for (let at = 0; at < replicas; at += 1) {
      await until(async () => {
        const got = await send(key, at);
        expect(got.status).toBe(402);
        const { spend, held } = refusalOf(got);
        return spend === String((passed * 3) / 1_000) && held === '0';
      }, `the spend of all at ${at}`);
    }
    expect(await spent(id)).toBe(passed);
  }, 60_000);

  it('a budget that is spent over some seconds is overrun by what passes within a quarter of a second', async () => {
    await open();
    const { id, key } = await payer();
    const passedAt: number[][] = services.map(() => []);
    let refused = 0;
    // How late this machine is: what a call or a look at the database takes at the most.
    let slowestMs = 0;
    const timed = async <T>(work: () => Promise<T>): Promise<T> => {
      const beganAt = performance.now();
      const done = await work();
      slowestMs = Math.max(slowestMs, performance.now() - beganAt);
      return done;
    };
    const workers = passedAt.map(async (own, at) => {
      while (refused < 20) {
        const askedAt = performance.now();
        const { status } = await timed(() => send(key, at));
        if (status === 200) own.push(askedAt);
        else refused += 1;
        await timed(() => new Promise<void>((go) => setTimeout(go, 30)));
        await timed(() => spent(id));
      }
    });
    await Promise.all(workers);
    const passed = passedAt.flat().length;
    expect(passed).toBeGreaterThanOrEqual(CALLS);
    // What passes at each of the others before it is told, and is under way there.
    const lateMs = 250 + 3 * slowestMs;
    const untold = passedAt.map((own) => Math.max(0, ...own.map((from) => countBetween(own, from, from + lateMs))));
    expect(passed - CALLS).toBeLessThanOrEqual(untold.reduce((sum, most) => sum + most, 0) - Math.min(...untold));
    await until(async () => (await spent(id)) === passed, 'all that passed in the ledger');
  }, 60_000);

  it('a revoked key stops within a second at every one, while it is in use', async () => {
    await open();
    const { key, keyId } = await payer();
    for (let at = 0; at < replicas; at += 1) expect((await send(key, at)).status).toBe(200);
    const [{ store, team }] = services as [RunningService];
    await store.revokeGatewayKey(team.id, keyId);
    const revokedAt = performance.now();
    for (let at = 0; at < replicas; at += 1) {
      // However long an answer takes: nobody who asks later than that is let through.
      let askedAfterMs = 0;
      const isRefused = async () => {
        askedAfterMs = performance.now() - revokedAt;
        return (await send(key, at)).status === 401;
      };
      while (!(await isRefused())) expect(askedAfterMs).toBeLessThan(1_000);
    }
    for (let i = 0; i < 3 * replicas; i += 1) expect((await send(key, i)).status).toBe(401);
  }, 60_000);
});

const countBetween = (times: readonly number[], from: number, until: number): number =>
  times.filter((time) => time >= from && time <= until).length;
