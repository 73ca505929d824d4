// I9, I10: what a service does whose disk is full, over real HTTP.
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendJson } from '../../service/http/send-json.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { openServiceFixture, usageEvent } from '../helpers/service-fixture.js';
import { createFailingDisk, type ServiceProcess, startLimited } from './disk-support.js';
import { control, handClock, tempFolder } from './store-support.js';

const COMPLETIONS = '/meter/v2/ai/completions';
let folder: ReturnType<typeof tempFolder>;
const processes: ServiceProcess[] = [];
beforeEach(() => {
  folder = tempFolder();
});
afterEach(async () => {
  for (const one of processes.splice(0)) await one.kill();
  folder.remove();
});

async function start(limitKiB: number | 'unlimited'): Promise<ServiceProcess> {
  const started = await startLimited(folder.path, limitKiB);
  processes.push(started);
  return started;
}

const put = ({ url, keys }: ServiceProcess, path: string, body: unknown, key = keys.metering) =>
  sendJson({ method: 'POST', url: `${url}${path}`, headers: { 'x-api-key': key }, body });
const get = ({ url, keys }: ServiceProcess, path: string) =>
  sendJson({ method: 'GET', url: `${url}${path}`, headers: { 'x-api-key': keys.metering } });
const big = (transactionId: string) => usageEvent({ transactionId, totalCost: 0.01, systemPrompt: 'x'.repeat(20_000) });

test('a process that can write no further refuses with 503, acknowledges nothing that it did not keep, and loses nothing', {
  timeout: 120_000,
}, async () => {
  const service = await start(2_048);
  const { teamId, keys } = service;
  const limit = { teamId, name: 'cap', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 1_000 };
  expect((await put(service, '/v2/api/ai/cost-controls', limit, keys.write)).status).toBe(201);
  expect((await get(service, '/readyz')).status).toBe(200);

  const acknowledged: string[] = [];
  let refused = 0;
  for (let i = 0; i < 600 && refused < 10; i += 1) {
    // Where no large one has room any more, small ones take what is left.
    const event = refused < 5 ? big(`one-${i}`) : usageEvent({ transactionId: `one-${i}` });
    const { status, headers } = await put(service, COMPLETIONS, event);
    if (status === 201) acknowledged.push(`one-${i}`);
    else {
      expect([status, headers['retry-after']]).toEqual([503, '5']);
      refused += 1;
    }
  }
  expect(refused).toBe(10);
  expect(acknowledged.length).toBeGreaterThan(5);
  const items = [0, 1, 2].map((i) => ({ type: 'ai/completions', event: big(`many-${i}`) }));
  const batch = await put(service, '/meter/v2/batch', items);
  expect([batch.status, batch.headers['retry-after']]).toEqual([503, '5']);
  await expect.poll(async () => (await get(service, '/readyz')).status, { timeout: 20_000 }).toBe(503);
  // It answers, and guards still get their rules.
  expect((await get(service, '/healthz')).status).toBe(200);
  expect((await get(service, `/v2/api/ai/enforcement-rules/${teamId}`)).status).toBe(200);
  await service.kill();

  const store = await openSqliteStore({
    file: join(folder.path, 'fusewire.db'),
    runtime: createRuntime({}, 'CRITICAL'),
    inProcess: true,
  });
  const { items: stored } = await store.findEvents(teamId, { page: 0, size: 1_000 });
  expect(stored.map(({ transactionId }) => transactionId).sort()).toEqual([...acknowledged].sort());
  expect((await store.verifyBalances()).wrong).toEqual([]);
  await store.close();

  const roomy = await start('unlimited');
  expect((await put(roomy, COMPLETIONS, big('later'), keys.metering)).status).toBe(201);
  expect((await put(roomy, COMPLETIONS, big(acknowledged[0]!), keys.metering)).status).toBe(201);
  expect((await get(roomy, '/readyz')).status).toBe(200);
});

test('a disk that is full for a while: 503 and not ready, then everything goes on by itself, counted once', async () => {
  const clock = handClock();
  const disk = createFailingDisk();
  const service = await openServiceFixture(disk.open, { runtime: clock.runtime });
  try {
    const { id } = service.team;
    await service.store.createControl(id, control({ hardLimit: '2', windowType: 'LIFETIME' }));
    const requestTime = new Date(clock.nowMs).toISOString();
    const times = { requestTime, completionStartTime: requestTime, responseTime: requestTime };
    const send = (transactionId: string, headers = {}) =>
      service.ask({ path: COMPLETIONS, json: usageEvent({ transactionId, totalCost: 1, ...times }), headers });
    const ready = async () => {
      clock.advance(1_001);
      return (await service.ask({ path: '/readyz', key: null })).status;
    };
    const feed = `/v2/api/ai/enforcement-rules/${id}`;
    const breached = async () => (await service.ask({ path: feed })).json.rules[0].breached;
    expect([(await send('before')).status, await ready(), await breached()]).toEqual([201, 200, false]);

    disk.isFull = true;
    for (let i = 0; i < 3; i += 1) {
      const refused = await send('meanwhile', { 'idempotency-key': 'k' });
      expect([refused.status, refused.headers['retry-after'], refused.json.error]).toEqual([503, '5', 'unavailable']);
    }
    const change = { teamId: id, name: 'x', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 1 };
    expect((await service.ask({ path: '/v2/api/ai/cost-controls', json: change })).status).toBe(503);
    expect([await ready(), await breached()]).toEqual([503, false]);
    expect((await service.store.findEvents(id, { page: 0, size: 9 })).totalElements).toBe(1);

    disk.isFull = false;
    expect((await send('meanwhile', { 'idempotency-key': 'k' })).status).toBe(201);
    expect((await send('meanwhile', { 'idempotency-key': 'k' })).headers['idempotent-replayed']).toBe('true');
    expect([await ready(), await breached()]).toEqual([200, true]);
    expect((await service.store.verifyBalances()).wrong).toEqual([]);
    expect(service.logged().match(/the database takes no writes/g)).toHaveLength(1);
    expect(service.logged().match(/the database takes writes again/g)).toHaveLength(1);
  } finally {
    await service.close();
  }
});
