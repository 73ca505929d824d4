import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../service/index.js';
import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { runInProcess } from '../cli/in-process.js';
import { runSql, usePostgres } from '../postgres-support.js';
import { eventually } from '../replicas.js';
import { control, event, kindsOf, rulesOf } from '../store-support.js';

const server = usePostgres();
let url: string;
let folder: string;
let service: RunningService;
beforeEach(async () => {
  url = await server.createDatabase();
  folder = await mkdtemp(join(tmpdir(), 'fusewire-operators-'));
  service = await startService({ dataDir: join(folder, 'fusewire-data'), databaseUrl: url });
});
afterEach(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});
const run = (...args: string[]) => runInProcess(args, { workingDir: folder, env: { DATABASE_URL: url } });

it('rebuild repairs balances while the service runs and two replicas record, and other replicas hear of the verdict', async () => {
  const { store, team } = service;
  await store.createControl(team.id, control({ hardLimit: '1' }));
  await store.createControl(
    team.id,
    control({ name: 'rolling', windowType: 'ROLLING', windowDuration: 'PT6H', groupBy: 'SUBSCRIBER', hardLimit: '1' }),
  );
  const spend = (one: typeof store) =>
    one.recordEvents(team.id, [event(Date.now(), { totalCost: 2, subscriber: { id: 'rita' } })]);
  await spend(store);
  await runSql(url, 'UPDATE balance SET value = 7, announced = 0');
  const compared = await run('rebuild', '--dry-run');
  expect([compared.code, compared.err]).toEqual([3, expect.stringContaining('kept 7, sum 2000000000')]);
  const replica = await openPostgresStore({ url, runtime: createRuntime({}, 'CRITICAL') });
  try {
    const [rebuilt] = await Promise.all([
      run('rebuild', '--json'),
      ...Array.from({ length: 10 }, (_, i) => spend(i % 2 === 0 ? store : replica)),
    ]);
    expect([rebuilt.code, JSON.parse(rebuilt.out).teams[0]]).toEqual([0, expect.objectContaining({ rebuilt: 2 })]);
    expect((await replica.verifyBalances()).wrong).toEqual([]);
    for (const one of [store, replica]) {
      await eventually(async () => {
        const cap = (await rulesOf(one, team.id)).find(({ name }) => name === 'cap');
        return cap?.breached === true && cap.currentValue === 22;
      });
    }
    // Told when they happened, and told anew: whether by the rebuilding or by an event that came before it.
    expect([...(await kindsOf(store, team.id))].sort()).toEqual(['trip', 'trip', 'trip rita', 'trip rita']);
  } finally {
    await replica.close();
  }
});

it('export gives all of it; backup says what to use instead; doctor finds the installation sound', async () => {
  const { store, team } = service;
  await store.recordEvents(
    team.id,
    Array.from({ length: 1_100 }, () => event(Date.now(), { totalCost: 0.5 })),
  );
  const { code, out } = await run('export', '--json');
  expect([
    code,
    new Set(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).transactionId),
    ).size,
  ]).toEqual([0, 1_100]);
  const backup = await run('backup', 'copy.db');
  expect([backup.code, backup.err]).toEqual([1, expect.stringContaining('pg_dump')]);
  await expect(store.backUp(join(folder, 'copy.db'))).rejects.toMatchObject({ code: 'INVALID' });
  await expect(readFile(join(folder, 'copy.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  const doctor = await run('doctor', '--json');
  const { checks } = JSON.parse(doctor.out) as { checks: { state: string }[] };
  expect([checks.filter(({ state }) => state !== 'ok'), doctor.code]).toEqual([[], 0]);
  expect((await store.verifyBalances()).wrong).toEqual([]);
});
