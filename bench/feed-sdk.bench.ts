// What a large feed costs the process that it is sent to: the longest time that its event loop stands still, and CPU,
// for the whole feed and for differences. The comparator parses and indexes the same body at once.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { DiskMirror } from '../cache/disk-mirror.js';
import { applyDifference, readDifferenceInSteps } from '../cache/feed-difference.js';
import { readFeedInSteps } from '../cache/feed-reader.js';
import type { KeptFeed } from '../cache/kept-feed.js';
import { runInSlices } from '../cache/run-in-slices.js';
import { compileRuleSet } from '../enforcement/rule-set.js';
import { createRuntime } from '../src/runtime.js';
import { parseFeed } from '../src/wire/feed-parse.js';
import { type BenchResult, printResult } from './table.js';

interface Shape {
  readonly name: string;
  readonly rules: number;
  /** Of each of the first `grouped` rules. */
  readonly groups: number;
  readonly grouped: number;
}

const SHAPES: readonly Shape[] = [
  { name: '10,000 rules, 10 groups each', rules: 10_000, groups: 10, grouped: 10_000 },
  { name: '10,000 rules, one of 100,000 groups', rules: 10_000, groups: 100_000, grouped: 1 },
];
const ROUNDS = 15;
const PART = 65_536;
const runtime = createRuntime({}, 'ERROR');

/** Runs all of it; about a minute. */
export async function run(): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = [];
  for (const shape of SHAPES) results.push(await measure(shape));
  return results;
}

async function measure(shape: Shape): Promise<BenchResult> {
  const body = JSON.stringify({ revision: 1, rules: rulesOf(shape) });
  const parts = partsOf(body);
  const rows: Row[] = [];
  const read = () => runInSlices(readFeedInSteps(parts, 200, true), runtime);
  rows.push(
    await timed('whole, at once (comparator)', 3, async () => {
      const result = parseFeed(body);
      if (result.kind === 'rules') compileRuleSet(result.feed);
    }),
  );
  rows.push(await timed('whole, not kept', 5, () => runInSlices(readFeedInSteps(parts, 200), runtime)));
  rows.push(await timed('whole, kept for differences', 5, read));
  const reading = await read();
  if (reading.kind !== 'feed' || reading.kept === undefined) throw new Error('the feed cannot be kept');
  const kept: KeptFeed = reading.kept;
  let revision = 1;
  const change = (name: string, step: (round: number) => object) =>
    timed(name, ROUNDS, async (round) => {
      revision += 1;
      const text = JSON.stringify({ revision, steps: [step(round)] });
      const difference = await runInSlices(readDifferenceInSteps(partsOf(text)), runtime);
      await runInSlices(applyDifference(kept, difference), runtime);
    });
  const group = (i: number, breached: boolean) => ({ groupValue: `u-${i % shape.groups}`, breached, currentValue: i });
  rows.push(await change('one rule trips', (i) => ({ rules: [rule(shape.rules - 1 - i, 0, shape, true)] })));
  rows.push(await change('one group trips', (i) => ({ groups: [{ rule: '1', set: [group(i * 7 + 1, true)] }] })));
  rows.push(
    await change('1,000 values', (i) => ({
      values: Array.from({ length: 1_000 }, (_, at) => ({ rule: String(at + 1), currentValue: i, percentUsed: i })),
    })),
  );
  rows.push(
    await change('20,000 groups flip', (i) => ({
      groups: flips(shape, i % 2 === 0, group),
    })),
  );
  rows.push(await mirrored(kept));
  return { name: `feed-sdk: ${shape.name}, ${(body.length / 1e6).toFixed(1)} MB`, rows };
}

function flips(shape: Shape, breached: boolean, group: (i: number, breached: boolean) => object): object[] {
  const each = Math.min(shape.groups, 20_000);
  return Array.from({ length: 20_000 / each }, (_, at) => ({
    rule: String(at + 1),
    set: Array.from({ length: each }, (_, i) => group(i, breached)),
  }));
}

async function mirrored(kept: KeptFeed): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-'));
  const mirror = new DiskMirror(folder, runtime);
  const feed = { rawRules: kept, departments: kept.departments, revision: undefined, afterReset: false };
  const row = await timed('written to the mirror', 3, async () => {
    const write = await mirror.write('bench', feed, new AbortController().signal);
    if (write.kind !== 'written') throw new Error(JSON.stringify(write));
  });
  rmSync(folder, { recursive: true, force: true });
  return row;
}

interface Row extends Record<string, number | string> {
  readonly step: string;
}

/**
 * The longest block is the longest turn of the event loop, garbage collections included. Beside it the CPU time of that
 * turn: on a machine that others use too, a turn also lasts while this process is not run.
 */
async function timed(step: string, rounds: number, task: (round: number) => Promise<unknown>): Promise<Row> {
  await task(0);
  const wall: number[] = [];
  const cpu: number[] = [];
  const elapsed: number[] = [];
  let cpuMs = 0;
  for (let round = 1; round <= rounds; round += 1) {
    await sleep(20);
    const used = process.cpuUsage();
    const began = performance.now();
    const turns = watchTurns();
    await task(round);
    elapsed.push(performance.now() - began);
    const { user, system } = process.cpuUsage(used);
    cpuMs += (user + system) / 1000;
    const longest = await turns.end();
    wall.push(longest.wallMs);
    cpu.push(longest.cpuMs);
  }
  return {
    step,
    'longest block ms, median': median(wall),
    'worst ms': Math.max(...wall),
    'its CPU ms, median': median(cpu),
    'worst CPU ms': Math.max(...cpu),
    'takes ms': median(elapsed),
    'CPU ms': cpuMs / rounds,
  };
}

/** Looks at both clocks in each turn of the event loop. */
function watchTurns(): { end(): Promise<{ wallMs: number; cpuMs: number }> } {
  const longest = { wallMs: 0, cpuMs: 0 };
  let wall = performance.now();
  let cpu = threadCpuMs();
  let isOver = false;
  const look = () => {
    const [wallNow, cpuNow] = [performance.now(), threadCpuMs()];
    longest.wallMs = Math.max(longest.wallMs, wallNow - wall);
    longest.cpuMs = Math.max(longest.cpuMs, cpuNow - cpu);
    wall = performance.now();
    cpu = threadCpuMs();
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  return {
    async end() {
      await new Promise((resolve) => setImmediate(resolve));
      isOver = true;
      return longest;
    },
  };
}

/** CPU time of this thread; 0 where the system does not tell (other than Linux). */
function threadCpuMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return 0;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function partsOf(text: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += PART) parts.push(text.slice(at, at + PART));
  return parts;
}

function rulesOf(shape: Shape): object[] {
  return Array.from({ length: shape.rules }, (_, i) =>
    rule(i, i < shape.grouped ? shape.groups : 0, shape, i % 50 === 0),
  );
}

function rule(i: number, groups: number, shape: Shape, breached: boolean): object {
  const list = Array.from({ length: groups }, (_, at) => ({
    groupValue: `u-${at}`,
    displayName: `Customer number ${at}`,
    currentValue: at,
    usagePercent: 0.5,
    breached: at % 10 === 0,
  }));
  return {
    ruleId: i + 1,
    key: String(i + 1),
    name: `Budget number ${i}`,
    metricType: 'TOTAL_COST',
    operatorType: 'GREATER_THAN_OR_EQUAL_TO',
    threshold: 250,
    warnThreshold: 200,
    currentValue: 17.5,
    percentUsed: 7,
    breached: groups === 0 && breached,
    warnBreached: false,
    shadowMode: false,
    action: 'BLOCK',
    periodType: 'DAILY',
    windowKey: 'DAILY:2026-11-20',
    resetsAt: '2099-01-01T00:00:00Z',
    filters: [{ dimension: 'PRODUCT', operator: 'IS', value: `product-${i % shape.rules}` }],
    groupBy: groups > 0 ? 'SUBSCRIBER' : null,
    groupBreakdown: groups > 0 ? list : null,
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const result of await run()) printResult(result);
  process.exit(0);
}
