import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { findOpenDoor } from '../../../service/admin/local-door.js';
import { type RunningService, startService } from '../../../service/index.js';
import { migrate } from '../../../service/store/postgres/migrate.js';
import { SERVER_IS_GIVEN, usePostgres } from '../postgres-support.js';
import { eventually } from '../replicas.js';
import { control, tempFolder } from '../store-support.js';

const server = usePostgres();
const services: RunningService[] = [];
const folder = tempFolder();

afterAll(() => folder.remove());
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
});

const send = (service: RunningService, path: string, key: string, body?: object) =>
  fetch(`${service.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'x-api-key': key, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });

const usage = (transactionId: string) => ({
  transactionId,
  model: 'gpt-4o',
  provider: 'OPENAI',
  costType: 'AI',
  operationType: 'CHAT',
  stopReason: 'END',
  isStreamed: false,
  inputTokenCount: 1,
  outputTokenCount: 1,
  totalTokenCount: 2,
  requestTime: new Date().toISOString(),
  completionStartTime: new Date().toISOString(),
  responseTime: new Date().toISOString(),
  requestDuration: 1,
  totalCost: 2,
});

test('three services that start at once share team, keys, secret and verdicts, and even their data folder', async () => {
  const databaseUrl = await server.createDatabase();
  const dataDir = join(folder.path, 'shared');
  services.push(...(await Promise.all([1, 2, 3].map(() => startService({ databaseUrl, dataDir })))));
  const [a, b, c] = services as [RunningService, RunningService, RunningService];
  expect(new Set(services.map(({ team }) => team.id)).size).toBe(1);
  expect(readdirSync(dataDir).filter((name) => /^local-door-\d+\.json$/.test(name))).toHaveLength(3);
  expect(services.map(({ url }) => url)).toContain((await findOpenDoor(dataDir))?.url);
  await a.store.createControl(a.team.id, control({ hardLimit: '1' }));
  // A key of one opens the others, and the same credential is the same on each.
  const credential = { subscriber: { id: 'u', credential: { name: 'n', value: 'secret-value' } } };
  for (const [n, service] of services.entries()) {
    const answer = await send(service, '/meter/v2/ai/completions', b.keys.metering, {
      ...usage(`e${n}`),
      ...credential,
    });
    expect(answer.status).toBe(201);
  }
  const { items } = await c.store.findEvents(c.team.id, { page: 0, size: 9 });
  const kept = items.map(({ body }) => JSON.stringify((body['subscriber'] as { credential: object }).credential));
  expect(new Set(kept).size).toBe(1);
  expect(kept.join()).not.toContain('secret-value');
  for (const service of services) {
    await eventually(async () => {
      const feed = await send(service, `/v2/api/ai/enforcement-rules/${a.team.id}`, c.keys.metering);
      return ((await feed.json()) as { rules: { breached: boolean }[] }).rules[0]?.breached === true;
    });
  }
  await services.shift()?.close();
  expect((await findOpenDoor(dataDir))?.url).not.toBe(a.url);
  expect(await findOpenDoor(dataDir)).toBeDefined();
});

test.skipIf(SERVER_IS_GIVEN)(
  'I9: while the database is gone ingest answers 503 with a time to come back, and then takes events',
  {
    timeout: 60_000,
  },
  async () => {
    const databaseUrl = await server.createDatabase();
    const { openPostgresStore } = await import('../../../service/store/postgres/open-postgres-store.js');
    const service = await startService({
      databaseUrl,
      openStore: ({ runtime, log }) => openPostgresStore({ url: databaseUrl, runtime, log, patienceMs: 300 }),
    });
    services.push(service);
    const record = (id: string) => send(service, '/meter/v2/ai/completions', service.keys.metering, usage(id));
    expect((await record('before')).status).toBe(201);
    await server.stop();
    try {
      const refused = await record('meanwhile');
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await server.start();
    }
    await eventually(async () => (await record('after')).status === 201, 20_000);
    const { items } = await service.store.findEvents(service.team.id, { page: 0, size: 9 });
    expect(items.map(({ transactionId }) => transactionId).sort()).toEqual(['after', 'before']);
  },
);

test('a server older than PostgreSQL 15 is refused with its version', async () => {
  const rows = [{ number: '140012', version: '14.12', encoding: 'UTF8' }];
  const old = { query: async () => ({ rows }) } as unknown as Parameters<typeof migrate>[0];
  await expect(migrate(old, [], 0)).rejects.toMatchObject({
    code: 'TOO_OLD',
    message: expect.stringContaining('14.12'),
  });
});
