/**
 * What guarding costs each provider's client: the guarded one beside the bare one, plain and in 50 chunks, over loopback,
 * with delivery in batches and a rule feed polled, as in bench/call.bench.ts. Sides take turns in small blocks.
 *
 * Measures the built code (`npm run build` first). Run with `node --import tsx bench/clients.bench.ts [name …]`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Fusewire } from '../src/index.js';
import { type BenchCall, CLIENTS } from './clients.js';
import { type BenchResult, printResult } from './table.js';

const CHUNKS = 50;
/** Not counted: code and connections warm up. A program's first calls are slower, with us and without. */
const WARM_UP_BLOCKS = 30;
const KINDS = {
  plain: { blocks: 150, perBlock: 30 },
  streamed: { blocks: 60, perBlock: 20 },
} as const;

interface Side {
  /** Milliseconds of one call. */
  readonly median: number;
  /** Of this process, milliseconds a call, deliveries included. */
  readonly cpu: number;
}

/** Runs all of it; about two minutes. */
export async function run(wanted: readonly string[] = []): Promise<BenchResult> {
  const server = await start('./provider-server.ts');
  const sink = await start('./sink.ts', 'batch');
  const { createFusewire } = (await import(
    new URL('../dist/bundle/src/index.mjs', import.meta.url).href
  )) as typeof import('../src/index.js');
  const fusewire = createFusewire({
    apiKey: 'rev_mk_bench_key',
    teamId: 'bench',
    meteringBaseUrl: sink.url,
    circuitBreakerEnabled: true,
    logLevel: 'ERROR',
  });
  const rows: Record<string, number | string>[] = [];
  for (const { name, open } of CLIENTS) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const calls = await open(server.url, fusewire);
    const taken = await count(sink.url);
    const plain = await measure('plain', calls.plain, fusewire);
    const streamed = calls.streamed === undefined ? undefined : await measure('streamed', calls.streamed, fusewire);
    const made = plain.calls + (streamed?.calls ?? 0);
    const metered = (await count(sink.url)) - taken;
    if (metered !== made) throw new Error(`${name}: ${made} guarded calls, ${metered} events`);
    rows.push(rowOf(name, plain, streamed));
  }
  await fusewire.close();
  for (const { child } of [server, sink]) child.kill();
  return { name: 'clients', rows };
}

type Measured = Awaited<ReturnType<typeof measure>>;

function rowOf(client: string, plain: Measured, streamed: Measured | undefined): Record<string, number | string> {
  const added = plain.guarded.median - plain.bare.median;
  const addedStreamed = streamed === undefined ? undefined : streamed.guarded.median - streamed.bare.median;
  return {
    client,
    'plain bare ms': plain.bare.median,
    'plain added ms': added,
    'plain added CPU ms': plain.guarded.cpu - plain.bare.cpu,
    '50 chunks bare ms': streamed?.bare.median ?? '',
    '50 chunks added ms': addedStreamed ?? '',
    'per chunk µs': addedStreamed === undefined ? '' : ((addedStreamed - added) / CHUNKS) * 1000,
    'per chunk CPU µs':
      streamed === undefined
        ? ''
        : ((streamed.guarded.cpu - streamed.bare.cpu - plain.guarded.cpu + plain.bare.cpu) / CHUNKS) * 1000,
  };
}

async function measure(kind: keyof typeof KINDS, call: BenchCall, fusewire: Fusewire) {
  const { blocks, perBlock } = KINDS[kind];
  const sides = ['bare', 'guarded'] as const;
  const times = { bare: [] as number[], guarded: [] as number[] };
  const cpu = { bare: 0, guarded: 0 };
  let guardedCalls = 0;
  for (let block = -WARM_UP_BLOCKS; block < blocks; block += 1) {
    for (const side of block % 2 === 0 ? sides : [...sides].reverse()) {
      const before = process.cpuUsage();
      for (let one = 0; one < perBlock; one += 1) {
        const started = performance.now();
        await call[side]();
        if (block >= 0) times[side].push(performance.now() - started);
      }
      if (side === 'guarded') guardedCalls += perBlock;
      if (!(await fusewire.flush({ timeoutMs: 10_000 }))) throw new Error('the sink does not keep up');
      const { user, system } = process.cpuUsage(before);
      if (block >= 0) cpu[side] += (user + system) / 1000;
    }
  }
  const sideOf = (side: 'bare' | 'guarded'): Side => {
    const sorted = times[side].sort((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, cpu: cpu[side] / (blocks * perBlock) };
  };
  return { bare: sideOf('bare'), guarded: sideOf('guarded'), calls: guardedCalls };
}

async function count(url: string): Promise<number> {
  return Number(await (await fetch(`${url}/taken`)).text());
}

async function start(file: string, ...args: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: ['--import', 'tsx'] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { child, url };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  printResult(await run(process.argv.slice(2)));
  process.exit(0);
}
