// One side of bench/ingest.bench.ts, in a process of its own: the service over its store, or over the raw one.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CostControlInput, Store } from '../service/store/store.js';
import { built } from './built.js';
import { openRawPostgres } from './raw-postgres.js';
import { openRawSqlite } from './raw-sqlite.js';
import { createRawStore, type RawSetup } from './raw-store.js';
import { slowWriter } from './slow-writer.js';

/** What the parent asks for, as JSON in the first argument. */
export interface SideSettings {
  readonly side: 'fusewire' | 'raw';
  readonly database: 'sqlite' | 'postgres';
  /** Of an empty database, for PostgreSQL. */
  readonly url?: string;
  readonly controls: number;
  /** Added to each commit. */
  readonly commitMs: number;
}

/** Of the controls, so many cover an event. */
const MATCHING = 5;
const COVERING: readonly Partial<CostControlInput>[] = [
  {},
  { filters: [{ dimension: 'MODEL', operator: 'IS', value: 'gpt-4o-mini' }] },
  { filters: [{ dimension: 'AGENT', operator: 'IS', value: 'triage' }] },
  { filters: [{ dimension: 'ORGANIZATION', operator: 'IS', value: 'acme' }] },
  { filters: [{ dimension: 'MODEL', operator: 'STARTS_WITH', value: 'gpt-4' }] },
];
const OTHER = ['AGENT', 'PRODUCT', 'SUBSCRIBER', 'TASK_TYPE', 'MODEL'] as const;

function controlAt(position: number): CostControlInput {
  const dimension = OTHER[position % OTHER.length]!;
  const own = COVERING[position] ?? { filters: [{ dimension, operator: 'IS', value: `other-${position}` }] };
  return {
    name: `control ${position}`,
    description: '',
    metricType: 'TOTAL_COST',
    windowType: 'DAILY',
    action: 'BLOCK',
    groupBy: null,
    warnThreshold: null,
    hardLimit: '1000000',
    filters: [],
    shadowMode: false,
    enabled: true,
    notificationChannelIds: [],
    onUnknownPrice: 'flag',
    ...own,
  };
}

async function setUp(store: Store, controls: number): Promise<{ setup: RawSetup; key: string }> {
  const { mintKey } = await built<typeof import('../service/admin/keys.js')>('admin/keys.js');
  const team = await store.createTeam('bench');
  const { key, record } = await mintKey(store, team.id, 'metering', 'bench');
  const controlIds: string[] = [];
  for (let from = 0; from < controls; from += 500) {
    const part = Array.from({ length: Math.min(500, controls - from) }, (_, i) =>
      store.createControl(team.id, controlAt(from + i)),
    );
    for (const { id } of await Promise.all(part)) if (controlIds.length < MATCHING) controlIds.push(id);
  }
  const known = { findKey: async () => record, getTeam: async () => team };
  return { setup: { store: known, teamId: team.id, controlIds }, key };
}

async function openSqliteSide({ side, controls, commitMs }: SideSettings) {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const sqlite = await built<typeof import('../service/store/sqlite/open-sqlite-store.js')>(
    'store/sqlite/open-sqlite-store.js',
  );
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'bench.db');
  const runtime = createRuntime({}, 'ERROR');
  const first = await sqlite.openSqliteStore({ file, runtime });
  const { setup, key } = await setUp(first, controls);
  await first.close();
  if (side === 'raw') return { key, runtime, store: await createRawStore(setup, await openRawSqlite(file, commitMs)) };
  const spawnWorker = commitMs > 0 ? { spawnWorker: slowWriter(commitMs) } : {};
  return { key, runtime, store: await sqlite.openSqliteStore({ file, runtime, ...spawnWorker }) };
}

async function openPostgresSide({ side, controls, url = '' }: SideSettings) {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const postgres = await built<typeof import('../service/store/postgres/open-postgres-store.js')>(
    'store/postgres/open-postgres-store.js',
  );
  const runtime = createRuntime({}, 'ERROR');
  const store = await postgres.openPostgresStore({ url, runtime });
  const { setup, key } = await setUp(store, controls);
  if (side === 'fusewire') return { key, runtime, store };
  await store.close();
  return { key, runtime, store: await createRawStore(setup, await openRawPostgres(url)) };
}

async function main(settings: SideSettings): Promise<void> {
  const { createServer } = await built<typeof import('../service/http/server.js')>('http/server.js');
  const open = settings.database === 'sqlite' ? openSqliteSide : openPostgresSide;
  const { key, runtime, store } = await open(settings);
  // No limit of requests: both sides are driven as hard as they go.
  const config = { credentialSecret: randomBytes(32), rateLimits: { keyPerSecond: 0 } };
  const api = await createServer({ store, runtime, log: runtime.log, config });
  await api.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicros: user + system });
  });
  process.send?.({ url, key });
}

process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
await main(JSON.parse(process.argv[2] ?? '{}') as SideSettings);
