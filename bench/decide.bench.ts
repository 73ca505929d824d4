/**
 * What a decision costs, with the metadata resolved as in a call, beside a linear scan of the same rules; and for how
 * long the activation of a feed holds the event loop.
 *
 * Run with `node --import tsx bench/decide.bench.ts`.
 */
import { pathToFileURL } from 'node:url';
import { runInSlices } from '../cache/run-in-slices.js';
import { decide } from '../enforcement/decide.js';
import type { CallDimensions } from '../enforcement/decision.js';
import { callOf } from '../enforcement/dimensions.js';
import { matchesFilters } from '../enforcement/match-filters.js';
import { compileInSteps, type RuleSet } from '../enforcement/rule-set.js';
import { createLog } from '../src/log.js';
import { createMetadataResolver } from '../src/metadata/resolver.js';
import { createRuntime } from '../src/runtime.js';
import type { Rule } from '../src/wire/feed.js';
import { parseFeedInSteps } from '../src/wire/feed-in-steps.js';
import { type BenchCall, makeFeed } from './decide-feed.js';
import { type BenchResult, printResult } from './table.js';

const COUNTS = [10, 1_000, 100_000];
const TRIPPED_SHARES = [0, 0.01, 0.5];
/** A clock tells about 30 ns apart: calls are timed in batches of so many. */
const BATCH = 50;
const BATCHES = 2_000;
const WARM_UP_MS = 100;
const ACTIVATIONS = 5;

const runtime = createRuntime({ log: createLog('CRITICAL') });

/** Runs all of it; about half a minute. */
export async function run(): Promise<BenchResult> {
  const rows: Record<string, number | string>[] = [];
  await activate(makeFeed(20_000, 0.5).body);
  for (const count of COUNTS) {
    for (const share of TRIPPED_SHARES) {
      const feed = makeFeed(count, share);
      const activation = await activateOften(feed.body);
      for (const [name, call] of Object.entries(feed.calls)) {
        if (share === 0 && name.startsWith('matches')) continue;
        rows.push({
          rules: count,
          'tripped %': share * 100,
          call: name,
          ...timings(activation.ruleSet, activation.rules, call),
          'longest block ms, median': round(activation.medianMs),
          'longest block ms, best': round(activation.bestMs),
          'activation ms': round(activation.totalMs),
        });
      }
    }
  }
  return { name: 'decide', rows };
}

function timings(ruleSet: RuleSet, rules: readonly Rule[], call: BenchCall): Record<string, number | string> {
  const resolver = createMetadataResolver(runtime);
  const nowMs = runtime.now();
  const dimensionsOf = () => callOf(resolver.resolve(call.metadata).dimensions, call.model, call.provider);
  const prepared = dimensionsOf();
  const resolved = { dimensions: resolver.resolve(call.metadata).dimensions };
  const code = decide(ruleSet, prepared, nowMs).code;
  if (code !== scan(rules, prepared, nowMs)) throw new Error('index and scan disagree');
  const whole = measure(() => decide(ruleSet, dimensionsOf(), nowMs), BATCHES);
  const scoped = measure(() => decide(ruleSet, callOf(resolved.dimensions, call.model, call.provider), nowMs), BATCHES);
  const alone = measure(() => decide(ruleSet, prepared, nowMs), BATCHES);
  const linear = measure(() => scan(rules, prepared, nowMs), rules.length > 10_000 ? 3 : 200, 1);
  return {
    decision: code,
    'decide p50 µs': round(alone.p50),
    'decide p99 µs': round(alone.p99),
    'with scope metadata p50 µs': round(scoped.p50),
    'with call metadata p50 µs': round(whole.p50),
    'with call metadata p99 µs': round(whole.p99),
    'linear scan p50 µs': round(linear.p50),
    'scan : decide': Math.round(linear.p50 / alone.p50),
  };
}

/** The comparator: every rule in order, as the public SDKs do it, with the same meaning. */
function scan(rules: readonly Rule[], call: CallDimensions, nowMs: number): string {
  for (const rule of rules) {
    if (!rule.breached || rule.shadowMode || rule.action !== 'BLOCK') continue;
    if (nowMs >= (rule.resetsAtMs ?? Number.POSITIVE_INFINITY)) continue;
    if (matchesFilters(rule.filters, call)) return 'RULE_TRIPPED';
  }
  return 'ALLOWED';
}

let sink: unknown;

/** Microseconds of one call: median and 99th percentile over batches. */
function measure(task: () => unknown, batches: number, batch = BATCH): { p50: number; p99: number } {
  const warmUntilMs = runtime.monotonicNow() + WARM_UP_MS;
  while (runtime.monotonicNow() < warmUntilMs) sink = task();
  const samples: number[] = [];
  for (let i = 0; i < batches; i += 1) {
    const start = process.hrtime.bigint();
    for (let j = 0; j < batch; j += 1) sink = task();
    samples.push(Number(process.hrtime.bigint() - start) / 1000 / batch);
  }
  samples.sort((a, b) => a - b);
  const at = (share: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

interface Activation {
  readonly ruleSet: RuleSet;
  readonly rules: readonly Rule[];
  readonly longestMs: number;
  readonly totalMs: number;
}

const PART_BYTES = 65_536;

/** The longest block of several activations: one alone says as much about the machine's other work as about ours. */
async function activateOften(body: string): Promise<Activation & { medianMs: number; bestMs: number }> {
  const blocks: number[] = [];
  let last = await activate(body);
  for (let i = 0; i < ACTIVATIONS; i += 1) {
    last = await activate(body);
    blocks.push(last.longestMs);
  }
  blocks.sort((a, b) => a - b);
  return { ...last, medianMs: blocks[Math.floor(ACTIVATIONS / 2)] ?? 0, bestMs: blocks[0] ?? 0 };
}

/** Reads and compiles a body as the poller does, and takes the longest time between two turns of the event loop. */
async function activate(body: string): Promise<Activation> {
  const bytes = Buffer.from(body);
  const startMs = runtime.monotonicNow();
  let longestMs = 0;
  let turnMs = startMs;
  let isDone = false;
  const turn = () => {
    const nowMs = runtime.monotonicNow();
    longestMs = Math.max(longestMs, nowMs - turnMs);
    turnMs = nowMs;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const result = await runInSlices(parseFeedInSteps(await readParts(bytes)), runtime);
  if (result.kind !== 'rules') throw new Error(`the feed is ${result.kind}`);
  const ruleSet = await runInSlices(compileInSteps(result.feed), runtime);
  isDone = true;
  turn();
  return { ruleSet, rules: result.feed.rules, longestMs, totalMs: runtime.monotonicNow() - startMs };
}

/** The body as it comes from the network, and as cache/request-feed.ts keeps it: in parts of 64 KiB, a turn for each. */
async function readParts(bytes: Buffer): Promise<string[]> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    parts.push(decoder.decode(bytes.subarray(at, at + PART_BYTES), { stream: true }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  parts.push(decoder.decode());
  return parts;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const result = await run();
  printResult(result);
  if (sink === result) console.log(sink);
}
