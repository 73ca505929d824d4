/**
 * What admission from a local slice costs: whole, beside the same path under rules that are only polled; and its draw
 * alone, with a bound that is there already, beside a counter that is checked and lowered.
 *
 * Measures the built code (`npm run build` first): tsx wraps functions. Run with `node --import tsx bench/holds-draw.bench.ts`.
 */
import { pathToFileURL } from 'node:url';
import type { HoldAsk } from '../src/holds/holder-types.js';
import { measureAdmission } from './admission.js';
import { builtModule } from './built.js';
import { richDesk } from './rich-desk.js';
import { type BenchResult, printResult } from './table.js';

/** A clock tells about 30 ns apart: calls are timed in batches of so many. */
const BATCH = 20;
const BATCHES = 5_000;
const WARM_UP_MS = 300;
const { createHolder } = await builtModule<typeof import('../src/holds/holder.js')>('src/holds/holder.js');
const { createLog } = await builtModule<typeof import('../src/log.js')>('src/log.js');
const { createRuntime } = await builtModule<typeof import('../src/runtime.js')>('src/runtime.js');
const log = createLog('CRITICAL');
const runtime = createRuntime({ log });

/** Runs all of it; about a minute. */
export async function run(): Promise<readonly BenchResult[]> {
  const rows: Record<string, number | string>[] = [trivial()];
  for (const parts of [1, 3, 5]) rows.push(await drawing(parts));
  return [
    { name: 'holds-draw', rows },
    { name: 'holds-admission', rows: await measureAdmission() },
  ];
}

/** As an adapter and the metadata give it: a new object each time, texts of usual lengths. */
function askOf(call: number): HoldAsk {
  return {
    call: {
      dimensions: {
        model: 'claude-sonnet-4-5-20250929',
        provider: 'ANTHROPIC',
        subscriberId: 'customer-0042',
        subscriberEmail: 'somebody@example.com',
        organization: 'Example GmbH',
        product: 'assistant',
        credential: '0123456789abcdef0123456789abcdef',
        agent: 'research',
        taskType: 'summary',
      },
      provider: 'ANTHROPIC',
      modelSource: 'ANTHROPIC',
      model: 'claude-sonnet-4-5-20250929',
      operationType: 'CHAT',
    },
    need: {
      worst: {
        inputTokensMax: 4_096 + (call % 64),
        outputTokensMax: 1_024,
        isOutputLimited: true,
        images: 0,
        characters: 0,
        mediaSeconds: 0,
        cacheWrites: 'none',
        hasSound: false,
        tiers: [],
      },
    },
  };
}

async function drawing(parts: number): Promise<Record<string, number | string>> {
  const holder = createHolder({ desk: richDesk(parts), runtime, log, owner: 'bench' });
  const first = await holder.take(askOf(0));
  if (first.outcome !== 'held') throw new Error('not held');
  first.ticket.release();
  let call = 0;
  const drawn = measure(() => {
    call += 1;
    const ticket = holder.draw(askOf(call));
    if (ticket === undefined || ticket === 'free') throw new Error('not from the slice');
    return ticket;
  });
  const ended = measure(() => {
    call += 1;
    const ticket = holder.draw(askOf(call));
    if (ticket === undefined || ticket === 'free') throw new Error('not from the slice');
    ticket.settle({ inputTokens: 900, outputTokens: 200 }, `event-${call}`);
    holder.acknowledged([`event-${call}`]);
    return ticket;
  });
  const { roundTrips } = holder.status();
  await holder.close();
  return {
    what: `draw, ${parts} controls`,
    ...shown(drawn),
    'with its end p50 µs': round(ended.p50),
    'round trips': roundTrips,
  };
}

/** Neither kinds of calls nor prices, windows, owners or expiry: one number. */
function trivial(): Record<string, number | string> {
  const counter = { left: Number.MAX_SAFE_INTEGER };
  let call = 0;
  const drawn = measure(() => {
    call += 1;
    const { worst } = askOf(call).need;
    const cost = worst.inputTokensMax * 3_000 + worst.outputTokensMax * 15_000;
    if (counter.left < cost) counter.left = Number.MAX_SAFE_INTEGER;
    counter.left -= cost;
    return counter.left;
  });
  return { what: 'a counter', ...shown(drawn), 'with its end p50 µs': '', 'round trips': 0 };
}

let sink: unknown;

/** Microseconds of one call: median and 99th percentile over batches. */
function measure(task: () => unknown): { p50: number; p99: number } {
  const warmUntilMs = runtime.monotonicNow() + WARM_UP_MS;
  while (runtime.monotonicNow() < warmUntilMs) sink = task();
  const samples: number[] = [];
  for (let i = 0; i < BATCHES; i += 1) {
    const start = process.hrtime.bigint();
    for (let j = 0; j < BATCH; j += 1) sink = task();
    samples.push(Number(process.hrtime.bigint() - start) / 1000 / BATCH);
  }
  samples.sort((a, b) => a - b);
  const at = (share: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

function shown({ p50, p99 }: { p50: number; p99: number }): Record<string, number> {
  return { 'p50 µs': round(p50), 'p99 µs': round(p99) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const results = await run();
  for (const result of results) printResult(result);
  if (sink === results) console.log(sink);
}
