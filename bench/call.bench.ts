/**
 * What a guarded and metered call costs beside the bare client, over loopback: the model server and the sink of the events
 * each in a process of their own, delivery on, a rule feed polled. Blocks of bare and guarded calls take turns, and the
 * deliveries of a block are waited for, so that no bare call pays for the one before it.
 *
 * Run with `node --import tsx bench/call.bench.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import OpenAI from 'openai';
import { createFusewire } from '../src/instance.js';
import { type BenchResult, printResult } from './table.js';

const CHUNKS = 50;
const REQUEST = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'How is the weather? '.repeat(20) }],
};

type Call = (client: OpenAI) => Promise<unknown>;

const plain: Call = (client) => client.chat.completions.create(REQUEST);
const streamed: Call = async (client) => {
  let chunks = 0;
  for await (const _chunk of await client.chat.completions.create({ ...REQUEST, stream: true })) chunks += 1;
  if (chunks < CHUNKS) throw new Error(`only ${chunks} chunks came`);
};

interface Case {
  readonly name: string;
  readonly call: Call;
  readonly path: string;
  readonly injectUsage: boolean;
  readonly blocks: number;
  readonly perBlock: number;
}

const CASES: readonly Case[] = [
  { name: 'plain', call: plain, path: '/v1', injectUsage: false, blocks: 30, perBlock: 100 },
  { name: 'streamed', call: streamed, path: '/v1', injectUsage: false, blocks: 20, perBlock: 40 },
  { name: 'streamed, usage asked for', call: streamed, path: '/v1', injectUsage: true, blocks: 20, perBlock: 40 },
  { name: 'plain, server takes 50 ms', call: plain, path: '/slow/v1', injectUsage: false, blocks: 4, perBlock: 15 },
];

/** Runs all of it; about half a minute. */
export async function run(): Promise<BenchResult> {
  const server = await start('./call-server.ts');
  const sink = await start('./sink.ts');
  const fusewire = createFusewire({
    apiKey: 'rev_mk_bench_key',
    teamId: 'bench',
    meteringBaseUrl: sink.url,
    circuitBreakerEnabled: true,
    logLevel: 'ERROR',
  });
  const rows: Record<string, number | string>[] = [];
  let addedPlain = 0;
  for (const one of CASES) {
    const clientOf = () => new OpenAI({ apiKey: 'k', baseURL: `${server.url}${one.path}`, maxRetries: 0 });
    const guarded = fusewire.guard(clientOf(), { injectUsage: one.injectUsage });
    const measured = await measure(one, clientOf(), guarded, () => fusewire.flush({ timeoutMs: 10_000 }));
    const added = measured.guarded.median - measured.bare.median;
    if (one.name === 'plain') addedPlain = added;
    rows.push({
      call: one.name,
      'bare ms': measured.bare.median,
      'guarded ms': measured.guarded.median,
      'added ms': added,
      'added %': (added / measured.bare.median) * 100,
      'per chunk µs': one.call === streamed ? ((added - addedPlain) / CHUNKS) * 1000 : '',
      'bare CPU ms': measured.bare.cpu,
      'guarded CPU ms': measured.guarded.cpu,
    });
  }
  await fusewire.close();
  for (const child of [server.child, sink.child]) child.kill();
  return { name: 'call', rows };
}

interface Side {
  /** Of one call. */
  readonly median: number;
  /** Of this process, per call, deliveries included. */
  readonly cpu: number;
}

async function measure(one: Case, bare: OpenAI, guarded: OpenAI, flush: () => Promise<boolean>) {
  const times: Record<'bare' | 'guarded', number[]> = { bare: [], guarded: [] };
  const cpu = { bare: 0, guarded: 0 };
  for (let block = -2; block < one.blocks; block += 1) {
    for (const side of ['bare', 'guarded'] as const) {
      const client = side === 'bare' ? bare : guarded;
      const before = process.cpuUsage();
      for (let call = 0; call < one.perBlock; call += 1) {
        const started = performance.now();
        await one.call(client);
        if (block >= 0) times[side].push(performance.now() - started);
      }
      if (!(await flush())) throw new Error('the sink does not keep up');
      const { user, system } = process.cpuUsage(before);
      if (block >= 0) cpu[side] += (user + system) / 1000;
    }
  }
  const calls = one.blocks * one.perBlock;
  const sideOf = (side: 'bare' | 'guarded'): Side => ({ median: median(times[side]), cpu: cpu[side] / calls });
  return { bare: sideOf('bare'), guarded: sideOf('guarded') };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function start(file: string): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: ['--import', 'tsx'] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { child, url };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  printResult(await run());
  process.exit(0);
}
