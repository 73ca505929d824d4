/**
 * Ingest beside a comparator with the same route, schema and normalisation whose handler inserts the same rows raw and
 * coalesced (bench/raw-store.ts), both in processes of their own and driven in turns from this one. Ratios carry over
 * to other machines, figures do not: all of it shares the cores with what drives it.
 *
 * Measures the built code (`npm run build` first).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { drive, quantile } from './ingest-load.js';
import type { SideSettings } from './ingest-server.js';
import { startPostgres } from './postgres-server.js';
import { type BenchResult, printResult } from './table.js';

interface Case {
  readonly name: string;
  readonly connections: number;
  readonly batch: number;
  readonly commitMs: number;
}

const CASES: readonly Case[] = [
  { name: 'single, 64 connections', connections: 64, batch: 1, commitMs: 0 },
  { name: 'single, commit + 10 ms', connections: 64, batch: 1, commitMs: 10 },
  { name: 'batches of 500', connections: 4, batch: 500, commitMs: 0 },
  { name: 'batches of 500, commit + 10 ms', connections: 4, batch: 500, commitMs: 10 },
];
const CONTROLS = [10, 10_000];
const BLOCKS = Number(process.env['BENCH_BLOCKS'] ?? 5);
const BLOCK_MS = Number(process.env['BENCH_BLOCK_MS'] ?? 2_000);
const PROFILE =
  process.env['BENCH_PROFILE'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env['BENCH_PROFILE']}`];
const DATABASES = (process.env['BENCH_DATABASES'] ?? 'sqlite,postgres').split(',') as SideSettings['database'][];

interface Side {
  readonly child: ChildProcess;
  readonly url: string;
  readonly key: string;
}

interface Measured {
  readonly rates: number[];
  readonly cpuMicros: number[];
  latencies: number[];
}

/** Runs all of it; some minutes. */
export async function run(): Promise<readonly BenchResult[]> {
  const only = process.env['BENCH_CASE'];
  const results: BenchResult[] = [];
  for (const database of DATABASES) {
    const rows: Record<string, number | string>[] = [];
    for (const one of CASES) {
      if (only !== undefined && !one.name.startsWith(only)) continue;
      for (const row of await measure(one, database)) rows.push(row);
    }
    results.push({ name: `ingest on ${database}`, rows });
  }
  return results;
}

/** All sides in turns, so that all meet the same moods of the machine; the first block of each only warms up. */
async function measure({ name, connections, batch, commitMs }: Case, database: SideSettings['database']) {
  const server = database === 'postgres' ? await startPostgres(commitMs) : undefined;
  const sides: Side[] = [];
  for (const controls of CONTROLS) {
    for (const side of ['fusewire', 'raw'] as const) {
      const url = await server?.createDatabase();
      sides.push(await start({ side, database, controls, commitMs, ...(url === undefined ? {} : { url }) }));
    }
  }
  const measured = sides.map((): Measured => ({ rates: [], cpuMicros: [], latencies: [] }));
  for (let block = 0; block <= BLOCKS; block += 1) {
    for (let turn = 0; turn < sides.length; turn += 1) {
      const position = block % 2 === 0 ? turn : sides.length - 1 - turn;
      const side = sides[position]!;
      const { url, key } = side;
      const before = await cpuOf(side);
      const { events, seconds, latencies } = await drive({ url, key, connections, batch, durationMs: BLOCK_MS });
      const used = (await cpuOf(side)) - before;
      if (block === 0) continue;
      const own = measured[position]!;
      own.rates.push(events / seconds);
      own.cpuMicros.push(used / events);
      own.latencies = [...own.latencies, ...latencies];
    }
  }
  for (const { child } of sides) {
    child.kill();
    await once(child, 'exit');
  }
  await server?.remove();
  const fewest = measured[0]!;
  return CONTROLS.map((controls, i) => rowOf(name, controls, measured[2 * i]!, measured[2 * i + 1]!, fewest));
}

function rowOf(name: string, controls: number, ours: Measured, raw: Measured, fewest: Measured) {
  for (const { latencies } of [ours, raw]) latencies.sort((a, b) => a - b);
  return {
    case: name,
    controls,
    'events/s': Math.round(median(ours.rates)),
    'raw events/s': Math.round(median(raw.rates)),
    'of raw': ratio(ours.rates, raw.rates),
    'of 10 controls': ratio(ours.rates, fewest.rates),
    'CPU µs/event': median(ours.cpuMicros),
    'raw CPU': median(raw.cpuMicros),
    'p50 ms': quantile(ours.latencies, 0.5),
    'p99 ms': quantile(ours.latencies, 0.99),
    'raw p50': quantile(raw.latencies, 0.5),
    'raw p99': quantile(raw.latencies, 0.99),
  };
}

/** Of the blocks that lie beside each other, the one in the middle. */
function ratio(ours: readonly number[], others: readonly number[]): number {
  return median(ours.map((rate, block) => rate / others[block]!));
}

async function cpuOf({ child }: Side): Promise<number> {
  child.send('cpu');
  const [{ cpuMicros }] = (await once(child, 'message')) as [{ cpuMicros: number }];
  return cpuMicros;
}

async function start(settings: SideSettings): Promise<Side> {
  const file = fileURLToPath(new URL('./ingest-server.ts', import.meta.url));
  const child = fork(file, [JSON.stringify(settings)], { execArgv: ['--import', 'tsx', ...PROFILE] });
  const [{ url, key }] = (await once(child, 'message')) as [{ url: string; key: string }];
  return { child, url, key };
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const result of await run()) printResult(result);
  process.exit(0);
}
