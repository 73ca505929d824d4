// One replica of bench/propagation.bench.ts, in a process of its own.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { built } from './built.js';

/** What the parent asks for, as JSON in the first argument. */
export interface ReplicaSettings {
  /** Of a PostgreSQL database; without it the replica is alone on SQLite. */
  readonly url?: string;
  /** The first replica makes a team with so many controls, one an agent. */
  readonly controls: number;
}

async function openStore({ url }: ReplicaSettings) {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const runtime = createRuntime({}, 'ERROR');
  if (url !== undefined) {
    const path = 'store/postgres/open-postgres-store.js';
    const postgres = await built<typeof import('../service/store/postgres/open-postgres-store.js')>(path);
    return { runtime, store: await postgres.openPostgresStore({ url, runtime }) };
  }
  const path = 'store/sqlite/open-sqlite-store.js';
  const sqlite = await built<typeof import('../service/store/sqlite/open-sqlite-store.js')>(path);
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return { runtime, store: await sqlite.openSqliteStore({ file: join(folder, 'bench.db'), runtime }) };
}

async function main(settings: ReplicaSettings): Promise<void> {
  const { createServer } = await built<typeof import('../service/http/server.js')>('http/server.js');
  const { mintKey } = await built<typeof import('../service/admin/keys.js')>('admin/keys.js');
  const { runtime, store } = await openStore(settings);
  const [known] = await store.listTeams();
  const team = known ?? (await store.createTeam('bench'));
  const { key } = await mintKey(store, team.id, 'metering', 'bench');
  for (let n = 0; n < settings.controls; n += 1) {
    await store.createControl(team.id, {
      name: `agent ${n}`,
      description: '',
      metricType: 'TOTAL_COST',
      windowType: 'MONTHLY',
      action: 'BLOCK',
      groupBy: null,
      warnThreshold: null,
      hardLimit: '1',
      filters: [{ dimension: 'AGENT', operator: 'IS', value: `agent-${n}` }],
      shadowMode: false,
      enabled: true,
      notificationChannelIds: [],
      onUnknownPrice: 'flag',
    });
  }
  const config = { credentialSecret: randomBytes(32), rateLimits: { keyPerSecond: 0 } };
  const api = await createServer({ store, runtime, log: runtime.log, config });
  await api.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicros: user + system });
  });
  process.send?.({ url, key, teamId: team.id });
}

process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
await main(JSON.parse(process.argv[2] ?? '{}') as ReplicaSettings);
