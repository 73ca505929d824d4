/**
 * Services that are killed while they work, as real processes: events come in singly and in batches, windows turn,
 * events are priced again; then kill -9, and what was acknowledged must be there, once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createRuntime } from 'fusewire/internal';
import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../service/store/store.js';
import { childArguments } from '../helpers/child-arguments.js';
import { type PostgresServer, runSql, untilAlone } from './postgres-support.js';
import { type Keys, Load } from './store-crash-load.js';
import { control, rulesOf, tempFolder } from './store-support.js';

const CHILD = fileURLToPath(new URL('./store-crash-child.ts', import.meta.url));
const runtime = createRuntime({}, 'CRITICAL');
const REPLICAS = 3;
/** A kill comes so long after the load began, at another moment each time. */
const KILL_FIRST_MS = 120;
const KILL_STEP_MS = 53;
const KILL_STEPS = 13;
const LIMIT_MS = 60_000;

/** What a number of rounds came to. */
export interface RoundsResult {
  readonly rounds: number;
  readonly kills: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly failedRequests: number;
  readonly checkedBalances: number;
  /** Empty: everything is as it must be. */
  readonly problems: readonly string[];
}

interface Service {
  readonly child: ChildProcess;
  readonly url: string;
  readonly teamId: string;
  readonly keys: Keys;
}

async function start(...args: string[]): Promise<Service> {
  const child = spawn(process.execPath, [...childArguments(CHILD), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the service ended with ${code} while it started`))),
  ]);
  return { child, ...(JSON.parse(line) as Omit<Service, 'child'>) };
}

async function kill({ child }: Service): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Controls whose windows turn every second, and one that counts everything. */
async function prepare(store: Store, teamId: string): Promise<void> {
  const counting = { metricType: 'TOKEN_COUNT' as const, hardLimit: '1000000000' };
  await store.createControl(teamId, control({ ...counting, name: 'all', windowType: 'LIFETIME' }));
  const rolling = { windowType: 'ROLLING' as const, windowDuration: 'PT1M' };
  await store.createControl(teamId, control({ ...rolling, hardLimit: '0.2', groupBy: 'SUBSCRIBER' }));
  await store.createControl(teamId, control({ ...rolling, hardLimit: '1', onUnknownPrice: 'refuse' }));
  await store.createControl(teamId, control({ windowType: 'HOURLY', hardLimit: '3', warnThreshold: '1' }));
}

const killAfterMs = (round: number): number => KILL_FIRST_MS + KILL_STEP_MS * (round % KILL_STEPS);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Load until the kill; a price is declared on the way, so that events are being priced again when it comes. */
async function loadFor(load: Load, keys: Keys, round: number): Promise<void> {
  const model = `unknown-${round}`;
  load.start(keys, `r${round}`, model);
  await pause(killAfterMs(round) * 0.6);
  void load.change('/v2/api/fusewire/prices', { model, kind: 'rates', inputPerMillion: '10000' });
  if (round % 3 === 0) void load.change('/v2/api/fusewire/prices/reprice', { scope: 'all', reason: 'asked' });
  await pause(killAfterMs(round) * 0.4);
}

/** SQLite: the one service is killed in every round, its database looked at, and it is started again. */
export async function killSqliteService(rounds: number): Promise<RoundsResult> {
  const folder = tempFolder();
  const load = new Load();
  const problems: string[] = [];
  const open = () => openSqliteStore({ file: join(folder.path, 'fusewire.db'), runtime, inProcess: true });
  let service = await start(folder.path);
  const { teamId, keys } = service;
  try {
    await kill(service);
    await withStore(open, (store) => prepare(store, teamId));
    let sums = { stored: 0, checked: 0 };
    for (let round = 0; round < rounds; round += 1) {
      service = await start(folder.path);
      load.urls = [service.url];
      await loadFor(load, keys, round);
      await kill(service);
      await load.stop();
      sums = await withStore(open, (store) => check(store, teamId, load, problems, round === rounds - 1));
    }
    return resultOf(rounds, rounds, load, sums, problems);
  } finally {
    await kill(service);
    await load.close();
    folder.remove();
  }
}

/** PostgreSQL: in turn one of three replicas is killed, and the server itself; both come back under load. */
export async function killPostgresServices(server: PostgresServer, rounds: number): Promise<RoundsResult> {
  const url = await server.createMigrated();
  const folders = Array.from({ length: REPLICAS }, tempFolder);
  const load = new Load();
  const problems: string[] = [];
  const services: Service[] = [];
  try {
    for (const { path } of folders) services.push(await start(path, url));
    const { teamId, keys } = services[0]!;
    const open = () => openPostgresStore({ url, runtime });
    await withStore(open, (store) => prepare(store, teamId));
    for (let round = 0; round < rounds; round += 1) {
      load.urls = services.map((service) => service.url);
      await loadFor(load, keys, round);
      if (round % 2 === 0) {
        const which = (round / 2) % REPLICAS;
        await kill(services[which]!);
        services[which] = await start(folders[which]!.path, url);
      } else {
        await killServer(server);
        await pause(300);
      }
      await load.stop();
    }
    await withStore(open, untilPriced);
    // What their clients gave up may still be under way in them, and pages would move while they are read.
    await Promise.all(services.map(kill));
    await untilAlone(url);
    const sums = await withStore(open, (store) => check(store, teamId, load, problems, true));
    return resultOf(rounds, rounds, load, sums, problems);
  } finally {
    for (const service of services) await kill(service);
    await load.close();
    for (const folder of folders) folder.remove();
  }
}

/** kill -9 of the postmaster; its backends notice, and a new one recovers from the log. */
async function killServer(server: PostgresServer): Promise<void> {
  const [row] = await runSql(server.adminUrl, 'SHOW data_directory');
  const pid = Number(readFileSync(join(String(row?.['data_directory']), 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGKILL');
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    await pause(50);
    // A backend that has not noticed yet keeps the shared memory, and the new server out.
    const isUp = await server.start().then(
      () => true,
      () => false,
    );
    if (isUp) return;
    if (performance.now() > untilMs) throw new Error('the server does not start again');
  }
}

async function withStore<T>(open: () => Promise<Store>, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await open();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Looks at everything. `isLast`: what was to be priced again is waited for. */
async function check(store: Store, teamId: string, load: Load, problems: string[], isLast: boolean) {
  const stored = new Set<string>();
  let rows = 0;
  let unknown = 0;
  const priced = new Set((await store.listPrices(teamId)).map(({ model }) => model));
  if (isLast) await untilPriced(store);
  for (let page = 0; ; page += 1) {
    const { items } = await store.findEvents(teamId, { page, size: 5_000 });
    for (const { transactionId, priceState, body } of items) {
      stored.add(transactionId);
      if (priceState === 'unknown' && priced.has(String(body['model']))) unknown += 1;
    }
    rows += items.length;
    if (items.length < 5_000) break;
  }
  const lost = [...load.acknowledged].filter((id) => !stored.has(id));
  if (lost.length > 0) problems.push(`${lost.length} acknowledged events are lost, ${lost[0]} is one`);
  if (rows !== stored.size) problems.push(`${rows - stored.size} events are there twice`);
  if (isLast && unknown > 0) problems.push(`${unknown} events have a price and do not know it`);
  const { checked, wrong } = await store.verifyBalances();
  problems.push(...wrong);
  const counted = (await rulesOf(store, teamId)).find(({ name }) => name === 'all')?.currentValue;
  if (counted !== stored.size) problems.push(`${stored.size} events are stored and ${counted} are counted`);
  return { stored: stored.size, checked };
}

async function untilPriced(store: Store): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  while ((await store.openReprices()).length > 0) {
    if (performance.now() > untilMs) throw new Error('events are not priced again');
    await pause(20);
  }
}

function resultOf(
  rounds: number,
  kills: number,
  load: Load,
  { stored, checked }: { stored: number; checked: number },
  problems: readonly string[],
): RoundsResult {
  const { acknowledged, failed } = load;
  return {
    rounds,
    kills,
    acknowledged: acknowledged.size,
    stored,
    failedRequests: failed,
    checkedBalances: checked,
    problems,
  };
}
