/**
 * Pairs of a take and a settlement on the embedded store, coalesced into transactions, beside raw transactions of the same
 * shape on the same tables (bench/raw-holds.ts): in this process, in turns. One hold for each call is the dearest shape;
 * slices of 50 calls are what holders take where budgets are not near their end. CPU time is said beside the rate, since
 * other processes may be using the machine; the raw side is given its rows ready.
 *
 * Measures the built code (`npm run build` first).
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EventFacts } from '../service/ledger/event-facts.js';
import type { CostControlInput, IncomingEvent, Store } from '../service/store/store.js';
import type { HoldOperation } from '../src/holds/hold-types.js';
import { built } from './built.js';
import { quantile } from './ingest-load.js';
import { openRawHolds, type RawHolds, type RawTerms } from './raw-holds.js';
import { type BenchResult, printResult } from './table.js';

interface Case {
  readonly name: string;
  /** Of one hold. */
  readonly calls: number;
  /** Events of one transaction. */
  readonly batch: number;
}

const CASES: readonly Case[] = [
  { name: 'a hold a call', calls: 1, batch: 500 },
  { name: 'slices of 50 calls', calls: 50, batch: 500 },
];
const BLOCKS = Number(process.env['BENCH_BLOCKS'] ?? 7);
const BATCHES_PER_BLOCK = 20;
const DAY_MS = 86_400_000;
const OUTPUT_TOKENS = 96;
/** Ten dollars a million of output. */
const OUTPUT_PICO_USD = 10_000_000n;
const AMOUNT_NANO_USD = 960_000;

const CONTROL: CostControlInput = {
  name: 'budget',
  description: '',
  metricType: 'TOTAL_COST',
  windowType: 'DAILY',
  action: 'BLOCK',
  groupBy: null,
  warnThreshold: null,
  hardLimit: '1000000',
  filters: [],
  shadowMode: false,
  enabled: true,
  notificationChannelIds: [],
  onUnknownPrice: 'refuse',
  enforcement: 'HARD',
};
const CALL = {
  dimensions: { model: 'bench-model', provider: 'OPENAI', organization: 'acme', product: 'support', agent: 'triage' },
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  model: 'bench-model',
  operationType: 'CHAT',
} as const;
const NEED = {
  worst: {
    inputTokensMax: 0,
    outputTokensMax: OUTPUT_TOKENS,
    isOutputLimited: true,
    images: 0,
    characters: 0,
    mediaSeconds: 0,
    hasSound: false,
    cacheWrites: 'none',
  },
} as const;

/** Runs all of it; half a minute. */
export async function run(): Promise<BenchResult> {
  const rows: Record<string, number | string>[] = [];
  for (const one of CASES) rows.push(await measure(one));
  return { name: 'holds-ledger', rows };
}

interface Rate {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

interface Side {
  /** Takes holds and settles them; the work that prepares what is sent is not timed. */
  batch(one: Case): Promise<{ readonly seconds: number; readonly cpuMicros: number }>;
  close(): Promise<void>;
}

async function measure(one: Case): Promise<Record<string, number | string>> {
  const ours = await openStoreSide();
  const raw = await openRawSide();
  const rates = { ours: [] as Rate[], raw: [] as Rate[] };
  try {
    for (let block = 0; block <= BLOCKS; block += 1) {
      const pair = { ours: await blockOf(ours, one), raw: await blockOf(raw, one) };
      // The first one warms up.
      if (block === 0) continue;
      rates.ours.push(pair.ours);
      rates.raw.push(pair.raw);
    }
  } finally {
    await ours.close();
    await raw.close();
  }
  return {
    case: one.name,
    'pairs/s': Math.round(median(rates.ours.map(({ perSecond }) => perSecond))),
    'raw pairs/s': Math.round(median(rates.raw.map(({ perSecond }) => perSecond))),
    'of raw': median(rates.ours.map(({ perSecond }, block) => perSecond / rates.raw[block]!.perSecond)),
    'CPU µs/pair': median(rates.ours.map(({ cpuMicros }) => cpuMicros)),
    'raw CPU': median(rates.raw.map(({ cpuMicros }) => cpuMicros)),
    'pairs per CPU s': Math.round(1e6 / median(rates.ours.map(({ cpuMicros }) => cpuMicros))),
  };
}

async function blockOf(side: Side, one: Case): Promise<Rate> {
  let seconds = 0;
  let cpuMicros = 0;
  for (let i = 0; i < BATCHES_PER_BLOCK; i += 1) {
    const spent = await side.batch(one);
    seconds += spent.seconds;
    cpuMicros += spent.cpuMicros;
  }
  const pairs = BATCHES_PER_BLOCK * one.batch;
  return { perSecond: pairs / seconds, cpuMicros: cpuMicros / pairs };
}

async function timed(work: () => unknown): Promise<{ readonly seconds: number; readonly cpuMicros: number }> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await work();
  const seconds = (performance.now() - from) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuMicros: user + system };
}

async function openFile() {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const { openSqliteStore } = await built<typeof import('../service/store/sqlite/open-sqlite-store.js')>(
    'store/sqlite/open-sqlite-store.js',
  );
  const { flatRate } = await built<typeof import('../service/pricing/rates.js')>('pricing/rates.js');
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-'));
  const file = join(folder, 'bench.db');
  const runtime = createRuntime({}, 'ERROR');
  const store = await openSqliteStore({ file, runtime, inProcess: true });
  const { id: teamId } = await store.createTeam('bench');
  const rates = { input: flatRate(0n), output: flatRate(OUTPUT_PICO_USD) };
  const price = { provider: null, model: 'bench-model', serviceTier: null, kind: 'rates', rates } as const;
  await store.setPrice(teamId, { ...price, validFromMs: null, validUntilMs: null });
  const { id: controlId } = await store.createControl(teamId, CONTROL);
  return { store, runtime, teamId, controlId, file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

async function openStoreSide(): Promise<Side> {
  const { store, runtime, teamId, remove } = await openFile();
  return {
    async batch(one) {
      const { takes, events } = batchOf(one, runtime.newId);
      const ready = events.map(({ event }) => ({ event }));
      return timed(async () => {
        await takeAll(store, teamId, takes);
        await store.record(teamId, ready);
      });
    },
    async close() {
      const { wrong } = await store.verifyBalances();
      if (wrong.length > 0) throw new Error('the balances are not what events and holds add up to');
      await store.close();
      remove();
    },
  };
}

async function takeAll(store: Store, teamId: string, takes: readonly HoldOperation[]): Promise<void> {
  const outcomes = await store.operateHolds(teamId, takes);
  if (outcomes.some(({ outcome }) => outcome !== 'held')) throw new Error('a hold was not given');
}

async function openRawSide(): Promise<Side> {
  const { store, runtime, teamId, controlId, file, remove } = await openFile();
  // One pair, so that the balance has its row.
  const { takes, events } = batchOf({ name: 'first', calls: 1, batch: 1 }, runtime.newId);
  await takeAll(store, teamId, takes);
  await store.record(
    teamId,
    events.map(({ event }) => ({ event })),
  );
  await store.close();
  const { eventFactsOf } = await built<typeof import('../service/ledger/event-facts.js')>('ledger/event-facts.js');
  const { eventParams } = await built<typeof import('../service/ledger/record-events.js')>('ledger/record-events.js');
  const { uuidv7 } = await built<typeof import('../src/internal.js')>('internal.js');
  const rowOf = (facts: EventFacts) =>
    eventParams(teamId, uuidv7(facts.receivedAtMs), facts, facts.requestTimeMs ?? facts.receivedAtMs, false);
  const raw: RawHolds = await openRawHolds(file);
  return {
    async batch(one) {
      const made = batchOf(one, runtime.newId);
      const nowMs = Date.now();
      const windowStartMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
      const window = { windowStartMs, windowEndMs: windowStartMs + DAY_MS };
      const terms: RawTerms = { teamId, controlId, ...window, nowMs, amount: AMOUNT_NANO_USD };
      const call = JSON.stringify(CALL);
      const holds = made.takes.map(({ id }) => ({ id, call }));
      const rows = made.events.map(({ event, holdId }) => ({ holdId, event: rowOf(eventFactsOf(event)) }));
      return timed(() => {
        raw.take(holds, one.calls, terms);
        raw.settle(rows, terms);
      });
    },
    async close() {
      raw.close();
      remove();
    },
  };
}

/** What a holder and its reports send; ids as the SDK makes them. */
function batchOf({ calls, batch }: Case, newId: () => string) {
  const takes = Array.from({ length: batch / calls }, () => takeOf(newId(), calls));
  const events = Array.from({ length: batch }, (_, i) => {
    const holdId = takes[Math.floor(i / calls)]!.id;
    return { holdId, event: eventOf(holdId) };
  });
  return { takes, events };
}

/** A new object each, as it comes out of a request. */
function takeOf(id: string, calls: number): Extract<HoldOperation, { op: 'take' }> {
  const call = { ...CALL, dimensions: { ...CALL.dimensions } };
  return { op: 'take', id, owner: 'bench', call, need: { worst: { ...NEED.worst } }, calls };
}

function eventOf(holdId: string): IncomingEvent {
  const receivedAtMs = Date.now();
  const at = new Date(receivedAtMs).toISOString();
  const transactionId = `chatcmpl-${randomBytes(12).toString('base64url')}`;
  const body = {
    transactionId,
    holdId,
    requestTime: at,
    completionStartTime: at,
    responseTime: at,
    model: 'bench-model',
    provider: 'OPENAI',
    modelSource: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 812,
    outputTokenCount: OUTPUT_TOKENS,
    totalTokenCount: 908,
    reasoningTokenCount: 0,
    cacheCreationTokenCount: 0,
    cacheReadTokenCount: 0,
    requestDuration: 1180,
    timeToFirstToken: 0,
    middlewareSource: 'fusewire-node',
    organizationName: 'acme',
    productName: 'support',
    agent: 'triage',
  };
  return { transactionId, receivedAtMs, body };
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  printResult(await run());
  process.exit(0);
}
