/**
 * How fast a verdict gets from an acknowledged event into SDKs: 1,000 pollers wait for the feed while 500 events a second
 * come in one by one, and twice a second one of them trips a budget. 50 of them are whole caches of the SDK, which are
 * measured; the others ask as they do. Beside it, in the same run, as many clients that ask once a second. One process on
 * SQLite, then three replicas on PostgreSQL; events and pollers are spread over the replicas.
 *
 * All of it shares the cores: service, database, pollers and load. Measures the built code (`npm run build` first).
 * Run with `node --import tsx bench/propagation.bench.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Agent, request } from 'undici';
import { startPostgres } from './postgres-server.js';
import type { PollerSettings, Seen } from './propagation-pollers.js';
import type { ReplicaSettings } from './propagation-server.js';
import { type BenchResult, printResult } from './table.js';

const POLLERS = Number(process.env['BENCH_POLLERS'] ?? 1_000);
/** Of the pollers, those that are whole caches of the SDK: they are measured. */
const CACHES = 50;
const EVENTS_PER_SECOND = Number(process.env['BENCH_EVENTS'] ?? 500);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 30);
const WARM_UP_SECONDS = 4;
const TRIPS_PER_SECOND = 2;
const MODES = ['waiting', 'polling'] as const;
const CONTROLS = MODES.length * SECONDS * TRIPS_PER_SECOND + 10;
const REPLICAS = 3;
const DATABASES = (process.env['BENCH_DATABASES'] ?? 'sqlite,postgres').split(',');

interface Replica {
  readonly child: ChildProcess;
  readonly url: string;
  readonly key: string;
  readonly teamId: string;
}

interface Trip {
  readonly revision: number;
  readonly acknowledgedAtMs: number;
}

/** Runs all of it; some three minutes. */
export async function run(): Promise<BenchResult> {
  const rows: Record<string, number | string>[] = [];
  for (const database of DATABASES) {
    const postgres = database === 'postgres' ? await startPostgres(0) : undefined;
    try {
      const url = await postgres?.createDatabase();
      const replicas: Replica[] = [];
      for (let n = 0; n < (url === undefined ? 1 : REPLICAS); n += 1) {
        const settings: ReplicaSettings = { controls: n === 0 ? CONTROLS : 0, ...(url === undefined ? {} : { url }) };
        replicas.push(await start<Omit<Replica, 'child'>>('./propagation-server.ts', settings));
      }
      const name = url === undefined ? 'one process on SQLite' : `${REPLICAS} replicas on PostgreSQL`;
      for (const [round, mode] of MODES.entries()) {
        rows.push({ service: name, pollers: mode, ...(await measure(replicas, mode, round)) });
      }
      for (const { child } of replicas) await end(child);
    } finally {
      await postgres?.remove();
    }
  }
  return { name: `from acknowledgement to the new verdict, ${POLLERS} pollers, ${EVENTS_PER_SECOND} events/s`, rows };
}

async function measure(
  replicas: readonly Replica[],
  mode: PollerSettings['mode'],
  round: number,
): Promise<Record<string, number | string>> {
  const [{ key, teamId }] = replicas as [Replica];
  const urls = replicas.map(({ url }) => url);
  const settings: PollerSettings = { urls, key, teamId, pollers: POLLERS, caches: CACHES, mode };
  const pollers = await start<object>('./propagation-pollers.ts', settings);
  await load(replicas, WARM_UP_SECONDS, undefined);
  const cpuBefore = await cpuOf(replicas);
  const startedAt = performance.now();
  const { trips, latencies } = await load(replicas, SECONDS, round * SECONDS * TRIPS_PER_SECOND);
  const wallMs = performance.now() - startedAt;
  const cpuMs = ((await cpuOf(replicas)) - cpuBefore) / 1_000;
  await sleep(2_000);
  const { seen } = await ask<{ seen: Seen }>(pollers.child);
  await end(pollers.child);
  const { delays, missed } = delaysOf(trips, mode === 'waiting' ? seen.slice(0, CACHES) : seen);
  return {
    trips: trips.length,
    'p50 ms': quantile(delays, 0.5),
    'p99 ms': quantile(delays, 0.99),
    'worst ms': quantile(delays, 1),
    missed,
    'ingest p50 ms': quantile(latencies, 0.5),
    'ingest p99 ms': quantile(latencies, 0.99),
    'events/s': Math.round((1_000 * latencies.length) / wallMs),
    'CPU of the service, cores': Math.round((100 * cpuMs) / wallMs) / 100,
  };
}

/** From each acknowledgement to the first feed in each SDK that is at least as new. */
function delaysOf(trips: readonly Trip[], seen: Seen): { readonly delays: number[]; readonly missed: number } {
  const delays: number[] = [];
  let missed = 0;
  for (const { revision, acknowledgedAtMs } of trips) {
    for (const list of seen) {
      const found = list.find(([have]) => have >= revision);
      // It may be there before its acknowledgement has come back to whoever sent the event.
      if (found === undefined) missed += 1;
      else delays.push(Math.max(0, found[1] - acknowledgedAtMs));
    }
  }
  return { delays, missed };
}

/** Events one by one at a steady pace, whatever the answers take. */
async function load(
  replicas: readonly Replica[],
  seconds: number,
  firstTrip: number | undefined,
): Promise<{ trips: readonly Trip[]; latencies: number[] }> {
  const dispatcher = new Agent({ connections: 32, pipelining: 1 });
  const trips: Trip[] = [];
  const latencies: number[] = [];
  const underWay: Promise<void>[] = [];
  const total = EVENTS_PER_SECOND * seconds;
  const tripEvery = EVENTS_PER_SECOND / TRIPS_PER_SECOND;
  const startedAt = performance.now();
  for (let n = 0; n < total; n += 1) {
    const dueAt = startedAt + (1_000 * n) / EVENTS_PER_SECOND;
    const early = dueAt - performance.now();
    if (early > 1) await sleep(early);
    const isTrip = firstTrip !== undefined && n % tripEvery === tripEvery - 1;
    const trip = isTrip ? firstTrip + Math.floor(n / tripEvery) : undefined;
    underWay.push(send(n, trip));
  }
  await Promise.all(underWay);
  await dispatcher.close();
  return { trips, latencies };

  async function send(n: number, trip: number | undefined): Promise<void> {
    const { url, key } = replicas[n % replicas.length]!;
    const sentAt = performance.now();
    const answer = await request(`${url}/meter/v2/ai/completions`, {
      method: 'POST',
      dispatcher,
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: eventText(n, trip),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 201) throw new Error(`an event was answered with ${answer.statusCode}: ${text}`);
    latencies.push(performance.now() - sentAt);
    if (trip === undefined) return;
    const acknowledgedAtMs = performance.timeOrigin + performance.now();
    trips.push({ revision: Number(answer.headers['fusewire-revision']), acknowledgedAtMs });
  }
}

function eventText(n: number, trip: number | undefined): string {
  const at = new Date().toISOString();
  return JSON.stringify({
    transactionId: `bench-${process.pid}-${n}-${at}`,
    model: 'gpt-4o-mini',
    provider: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 412,
    outputTokenCount: 96,
    totalTokenCount: 508,
    totalCost: trip === undefined ? 0.000_001 : 1,
    requestTime: at,
    completionStartTime: at,
    responseTime: at,
    requestDuration: 1_180,
    agent: trip === undefined ? 'agent-of-none' : `agent-${trip}`,
  });
}

async function cpuOf(replicas: readonly Replica[]): Promise<number> {
  let sum = 0;
  for (const { child } of replicas) sum += (await ask<{ cpuMicros: number }>(child)).cpuMicros;
  return sum;
}

async function ask<T>(child: ChildProcess): Promise<T> {
  const answered = once(child, 'message');
  child.send('tell');
  return (await answered)[0] as T;
}

async function start<T>(file: string, settings: object): Promise<T & { readonly child: ChildProcess }> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [JSON.stringify(settings)], { execArgv: ['--import', 'tsx'] });
  const first = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined)]);
  if (first === undefined) throw new Error(`${file} ended before it was ready`);
  return { ...(first[0] as T), child };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  printResult(await run());
  process.exit(0);
}
