/**
 * The gateway with authentication, decision and durable metering on, beside the upstream alone, a bare reverse proxy on
 * node:http and undici `dispatch`, nginx where it is installed, and @portkey-ai/gateway (which has no budgets) where
 * PORTKEY_GATEWAY_DIR names a folder with it. Each gateway runs alone on one core; what drives it and the model server
 * share the other one, and the table names the core that had no time left. The sides take turns, so that all meet the same
 * moods of the machine; the first block of each only warms up. CPU time is that of all threads, the ledger's included, and a
 * block of Fusewire is over when the ledger has all of its events: fewer or more of them than answers is an error.
 *
 * Measures the built code (`npm run build` first). Run with `node --import tsx bench/gateway.bench.ts`.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { GatewayLoad, GatewayLoadResult } from './gateway-load.js';
import {
  bareProxy,
  cpuMsOf,
  direct,
  fusewire,
  isPinned,
  LOAD_CORE,
  nginx,
  portkey,
  type Side,
  startChild,
} from './gateway-sides.js';
import { type BenchResult, printResult } from './table.js';

interface Case {
  readonly promptBytes: number;
  readonly streaming: boolean;
  readonly connections: number;
}

const KIB = 1024;
const numbersOf = (name: string, otherwise: readonly number[]) =>
  process.env[name]?.split(',').map(Number) ?? otherwise;
const CONNECTIONS = numbersOf('BENCH_CONNECTIONS', [1, 16, 64]);
const PROMPTS = numbersOf('BENCH_PROMPT_BYTES', [KIB, 32 * KIB]);
const BLOCKS = Number(process.env['BENCH_BLOCKS'] ?? 4);
const BLOCK_MS = Number(process.env['BENCH_BLOCK_MS'] ?? 1_500);
const SLOW_COMMIT_MS = 10;
const PATH = '/v1/chat/completions';
const WARM_UP_REQUESTS = 30_000;
const WARM_UP_MS = Number(process.env['BENCH_WARM_UP_MS'] ?? 20_000);
const LEDGER_MS = 30_000;
/** A core of which this share was used had nothing left to give. */
const SATURATED = 0.92;

const CASES: readonly Case[] = [false, true].flatMap((streaming) =>
  PROMPTS.flatMap((promptBytes) => CONNECTIONS.map((connections) => ({ streaming, promptBytes, connections }))),
);

interface Drivers {
  readonly load: Awaited<ReturnType<typeof startChild>>;
  readonly upstream: Awaited<ReturnType<typeof startChild>>;
}

/** The blocks of one side in one case. */
interface Blocks {
  requests: number;
  seconds: number;
  cpuMs: number;
  loadCpuMs: number;
  /** While requests were under way. */
  busyMs: number;
  readonly p50: number[];
  readonly p99: number[];
  readonly firstByte: number[];
}

/** Runs all of it; about ten minutes. */
export async function run(): Promise<readonly BenchResult[]> {
  const upstream = await startChild('./gateway-upstream.ts', LOAD_CORE);
  const load = await startChild('./gateway-load.ts', LOAD_CORE, 'child');
  const drivers = { upstream, load };
  const maybe = [
    direct(upstream.url),
    await bareProxy(upstream.url),
    await fusewire(upstream.url, 0),
    await fusewire(upstream.url, SLOW_COMMIT_MS),
    await nginx(upstream.url),
    await portkey(upstream.url),
  ];
  const only = process.env['BENCH_SIDES']?.split(',');
  const sides = maybe.filter((side) => side !== undefined && (only?.includes(side.name) ?? true)) as Side[];
  if (maybe[4] === undefined) console.log('nginx is not installed: left out');
  if (maybe[5] === undefined) console.log('PORTKEY_GATEWAY_DIR is not set: @portkey-ai/gateway is left out');
  if (!isPinned) console.log('there is no taskset: nothing is pinned to a core');
  const results: BenchResult[] = [];
  try {
    const whole = await working(sides, false, drivers);
    const streaming = await working(sides, true, drivers);
    for (const side of sides) await warmUp(side, streaming.includes(side), drivers);
    for (const one of CASES) {
      const able = one.streaming ? streaming : whole;
      results.push({ name: nameOf(one), rows: await measure(one, able, drivers) });
    }
  } finally {
    for (const side of sides) await side.stop();
    for (const { child } of [load, upstream]) child.kill();
  }
  return results;
}

/** Sides that answer calls of a kind at all; one that does not is named and left out. */
async function working(sides: readonly Side[], streaming: boolean, drivers: Drivers): Promise<readonly Side[]> {
  const found: Side[] = [];
  for (const side of sides) {
    const { url, headers, name } = side;
    const expected = (await side.recorded?.()) ?? 0;
    const one = { promptBytes: KIB, streaming, connections: 1, durationMs: 1 };
    try {
      const { requests } = await drive(drivers, { ...one, url, headers, path: PATH });
      await inLedger(side, expected + requests);
      found.push(side);
    } catch (error) {
      if (side.recorded !== undefined) throw error;
      console.log(
        `${name} does not answer ${streaming ? 'streamed' : 'plain'} calls here: ${String(error).slice(0, 200)}`,
      );
    }
  }
  return found;
}

/** A process that serves for days is measured, not its first seconds: code is compiled and heaps have their size. */
async function warmUp(side: Side, streams: boolean, drivers: Drivers): Promise<void> {
  const until = performance.now() + WARM_UP_MS;
  let requests = 0;
  while (requests < WARM_UP_REQUESTS && performance.now() < until) {
    for (const streaming of streams ? [false, true] : [false]) {
      const expected = (await side.recorded?.()) ?? 0;
      const one = { promptBytes: KIB, streaming, connections: 16, durationMs: 1_000 };
      const { url, headers } = side;
      const result = await drive(drivers, { ...one, url, headers, path: PATH });
      await inLedger(side, expected + result.requests);
      requests += result.requests;
    }
  }
}

function nameOf({ promptBytes, streaming, connections }: Case): string {
  const kind = streaming ? 'streamed, 50 chunks' : 'plain';
  return `gateway: ${kind}, prompt of ${promptBytes / KIB} KB, ${connections} connection${connections === 1 ? '' : 's'}`;
}

async function measure(one: Case, sides: readonly Side[], drivers: Drivers) {
  const all = sides.map(
    (): Blocks => ({ requests: 0, seconds: 0, cpuMs: 0, loadCpuMs: 0, busyMs: 0, p50: [], p99: [], firstByte: [] }),
  );
  for (let block = 0; block <= BLOCKS; block += 1) {
    for (let turn = 0; turn < sides.length; turn += 1) {
      const position = block % 2 === 0 ? turn : sides.length - 1 - turn;
      await runBlock(one, sides[position]!, drivers, block === 0 ? undefined : all[position]!);
    }
  }
  const [base] = all;
  const rows = sides.map((side, at) => rowOf(side, all[at]!, base!));
  const proxy = rows.find((row) => row.side === 'bare proxy')?.['requests/s'] ?? Number.NaN;
  return rows.map((row) => ({ ...row, 'of bare proxy': round(row['requests/s'] / proxy) }));
}

async function runBlock(one: Case, side: Side, drivers: Drivers, kept: Blocks | undefined): Promise<void> {
  const { url, headers } = side;
  const expected = (await side.recorded?.()) ?? 0;
  const before = { own: side.cpuMs(), load: loadCpuMs(drivers) };
  const result = await drive(drivers, { ...one, url, headers, path: PATH, durationMs: BLOCK_MS });
  const busyMs = (side.cpuMs() ?? 0) - (before.own ?? 0);
  const loadMs = loadCpuMs(drivers) - before.load;
  await inLedger(side, expected + result.requests);
  if (kept === undefined) return;
  kept.requests += result.requests;
  kept.seconds += result.seconds;
  kept.cpuMs += (side.cpuMs() ?? 0) - (before.own ?? 0);
  kept.busyMs += busyMs;
  kept.loadCpuMs += loadMs;
  kept.p50.push(result.p50);
  kept.p99.push(result.p99);
  kept.firstByte.push(result.firstByteP50);
}

async function drive({ load }: Drivers, asked: GatewayLoad): Promise<GatewayLoadResult> {
  load.child.send(asked);
  const [answer] = (await once(load.child, 'message')) as [GatewayLoadResult | { error: string }];
  if ('error' in answer) throw new Error(answer.error);
  return answer;
}

/** Waits until the ledger has so many events. @throws Error where it has others */
async function inLedger(side: Side, wanted: number): Promise<void> {
  if (side.recorded === undefined) return;
  const until = performance.now() + LEDGER_MS;
  let found = await side.recorded();
  while (found < wanted && performance.now() < until) {
    await pause(20);
    found = await side.recorded();
  }
  if (found !== wanted) throw new Error(`${side.name}: ${wanted} calls were answered, the ledger has ${found}`);
}

function loadCpuMs({ load, upstream }: Drivers): number {
  return cpuMsOf(load.child.pid) + cpuMsOf(upstream.child.pid);
}

function rowOf(side: Side, blocks: Blocks, base: Blocks) {
  const [p50, p99] = [median(blocks.p50), median(blocks.p99)];
  const isDirect = side.cpuMs() === undefined;
  const elapsedMs = blocks.seconds * 1000;
  const [own, driving] = [blocks.busyMs / elapsedMs, blocks.loadCpuMs / elapsedMs];
  return {
    side: side.name,
    'requests/s': Math.round(blocks.requests / blocks.seconds),
    'CPU µs': isDirect ? '' : Math.round((blocks.cpuMs * 1000) / blocks.requests),
    'p50 ms': round(p50),
    'p99 ms': round(p99),
    'added p50': isDirect ? '' : round(p50 - median(base.p50)),
    'added p99': isDirect ? '' : round(p99 - median(base.p99)),
    'first byte ms': round(median(blocks.firstByte)),
    'own core': isDirect ? '' : percent(own),
    'load core': percent(driving),
    saturated: saturated(isDirect ? 0 : own, driving),
  };
}

function saturated(own: number, driving: number): string {
  if (own >= SATURATED && own >= driving) return 'gateway';
  return driving >= SATURATED ? 'load and upstream' : 'none';
}

const percent = (share: number) => `${Math.round(share * 100)}%`;
const round = (value: number) => Number(value.toFixed(3));

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const result of await run()) printResult(result);
  process.exit(0);
}
