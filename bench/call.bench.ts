/**
 * What a guarded and metered call costs beside the bare client, over loopback: the model server and the sink of the events
 * each in a process of their own, delivery on, a rule feed polled. Four sides take turns in small blocks: the bare
 * client, a guarded one whose events are dropped, one whose events are delivered one by one, and one whose events are
 * delivered in batches; so the cost of delivery can be told from the rest. The deliveries of a block are waited for, so that no other call pays for the one before it.
 *
 * Measures the built code (`npm run build` first): tsx wraps functions, which costs more here than what is measured.
 * Run with `node --import tsx bench/call.bench.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import OpenAI from 'openai';
import type { Outbox } from '../src/metering/outbox.js';
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
  { name: 'plain', call: plain, path: '/v1', injectUsage: false, blocks: 150, perBlock: 30 },
  { name: 'streamed', call: streamed, path: '/v1', injectUsage: false, blocks: 60, perBlock: 20 },
  { name: 'streamed, usage asked for', call: streamed, path: '/v1', injectUsage: true, blocks: 60, perBlock: 20 },
  { name: 'plain, server takes 50 ms', call: plain, path: '/slow/v1', injectUsage: false, blocks: 6, perBlock: 10 },
];
/** Not counted: the first blocks of each case warm up code and connections. */
const WARM_UP_BLOCKS = 10;

const SIDES = ['bare', 'dropped', 'singly', 'guarded'] as const;
type SideName = (typeof SIDES)[number];

/** Takes every event and keeps none. */
const DROPPING: Outbox = {
  note() {},
  forget() {},
  append() {},
  claim: () => [],
  acknowledge() {},
  release() {},
  reject() {},
  depth: () => 0,
  counters: () => ({ appended: 0, acknowledged: 0, rejected: 0, dropped: 0, recovered: 0 }),
  onAppend() {},
  close: () => Promise.resolve(),
};

/** Runs all of it; about a minute. */
export async function run(): Promise<BenchResult> {
  const server = await start('./call-server.ts');
  const sink = await start('./sink.ts', 'batch');
  const singleSink = await start('./sink.ts');
  const { fusewire, guardDropping, close } = await openBuilt(sink.url);
  const single = await openBuilt(singleSink.url);
  const rows: Record<string, number | string>[] = [];
  let addedPlain = 0;
  for (const one of CASES) {
    const clientOf = () => new OpenAI({ apiKey: 'k', baseURL: `${server.url}${one.path}`, maxRetries: 0 });
    const { injectUsage } = one;
    const clients: Record<SideName, OpenAI> = {
      bare: clientOf(),
      dropped: guardDropping(clientOf(), injectUsage),
      singly: single.fusewire.guard(clientOf(), { injectUsage }),
      guarded: fusewire.guard(clientOf(), { injectUsage }),
    };
    const flush = async () =>
      (await fusewire.flush({ timeoutMs: 10_000 })) && (await single.fusewire.flush({ timeoutMs: 10_000 }));
    const { bare, dropped, singly, guarded } = await measure(one, clients, flush);
    const added = guarded.median - bare.median;
    if (one.name === 'plain') addedPlain = added;
    rows.push({
      call: one.name,
      'bare ms': bare.median,
      'guarded ms': guarded.median,
      'added ms': added,
      'added, not delivered': dropped.median - bare.median,
      'added, one by one': singly.median - bare.median,
      'added %': (added / bare.median) * 100,
      'per chunk µs': one.call === streamed ? ((added - addedPlain) / CHUNKS) * 1000 : '',
      'bare p90': bare.p90,
      'guarded p90': guarded.p90,
      'bare CPU ms': bare.cpu,
      'guarded CPU ms': guarded.cpu,
      'CPU, not delivered': dropped.cpu,
      'CPU, one by one': singly.cpu,
    });
  }
  await close();
  await single.close();
  for (const { child } of [server, sink, singleSink]) child.kill();
  return { name: 'call', rows };
}

/** An instance of the built code, and its call path with an outbox that drops. */
async function openBuilt(sinkUrl: string) {
  const { createFusewire } = await built<typeof import('../src/instance.js')>('instance.js');
  const { assemble } = await built<typeof import('../src/fusewire.js')>('fusewire.js');
  const { createCallPath } = await built<typeof import('../src/call.js')>('call.js');
  const { instrumentOpenAI } = await built<typeof import('../src/instrument/openai.js')>('instrument/openai.js');
  const options = {
    apiKey: 'rev_mk_bench_key',
    teamId: 'bench',
    meteringBaseUrl: sinkUrl,
    circuitBreakerEnabled: true,
    logLevel: 'ERROR',
  } as const;
  const fusewire = createFusewire(options);
  const { runtime, metadata, decide, book } = assemble({ ...options, circuitBreakerEnabled: false });
  const path = createCallPath({ decide }, metadata, { ...book.sink, outbox: DROPPING }, runtime);
  const guardDropping = (client: OpenAI, injectUsage: boolean) =>
    instrumentOpenAI(client, path, { injectUsage }, runtime);
  return { fusewire, guardDropping, close: () => fusewire.close() };
}

function built<T>(path: string): Promise<T> {
  return import(new URL(`../dist/esm/src/${path}`, import.meta.url).href) as Promise<T>;
}

interface Side {
  /** Milliseconds of one call. */
  readonly median: number;
  readonly p90: number;
  /** Of this process, milliseconds per call, deliveries included. */
  readonly cpu: number;
}

async function measure(one: Case, clients: Record<SideName, OpenAI>, flush: () => Promise<boolean>) {
  const times: Record<SideName, number[]> = { bare: [], dropped: [], singly: [], guarded: [] };
  const cpu: Record<SideName, number> = { bare: 0, dropped: 0, singly: 0, guarded: 0 };
  for (let block = -Math.min(WARM_UP_BLOCKS, one.blocks); block < one.blocks; block += 1) {
    for (let turn = 0; turn < SIDES.length; turn += 1) {
      // Each side comes after each other one equally often.
      const side = SIDES[(turn * (block % 2 === 0 ? 1 : SIDES.length - 1) + Math.abs(block)) % SIDES.length]!;
      const before = process.cpuUsage();
      for (let call = 0; call < one.perBlock; call += 1) {
        const started = performance.now();
        await one.call(clients[side]);
        if (block >= 0) times[side].push(performance.now() - started);
      }
      if (!(await flush())) throw new Error('the sink does not keep up');
      const { user, system } = process.cpuUsage(before);
      if (block >= 0) cpu[side] += (user + system) / 1000;
    }
  }
  const calls = one.blocks * one.perBlock;
  const sideOf = (side: SideName): Side => {
    const sorted = times[side].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
    return { median: at(0.5), p90: at(0.9), cpu: cpu[side] / calls };
  };
  return { bare: sideOf('bare'), dropped: sideOf('dropped'), singly: sideOf('singly'), guarded: sideOf('guarded') };
}

async function start(file: string, ...args: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: ['--import', 'tsx'] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { child, url };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  printResult(await run());
  process.exit(0);
}
