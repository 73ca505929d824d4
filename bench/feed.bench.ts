/**
 * The feed of a large team on the service's side: 10,000 rules and 100,000 groups past their limits. What one change
 * costs, beside its comparator: compiling all of it again, which is what the first service did. Longest block: of the
 * thread that serves requests, between two turns of its event loop.
 *
 * Measures the built code (`npm run build` first). Run with `node --import tsx bench/feed.bench.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CostControlInput, FeedAnswer, FeedDesk, IncomingEvent, Store } from '../service/store/store.js';
import { built } from './built.js';
import { startPostgres } from './postgres-server.js';
import { type BenchResult, printResult } from './table.js';

const RULES = Number(process.env['BENCH_RULES'] ?? 10_000);
const GROUPED = 10;
const PEOPLE = Number(process.env['BENCH_GROUPS'] ?? 100_000) / GROUPED;
const CHANGES = 60;
const WHOLES = 5;
const DATABASES = (process.env['BENCH_DATABASES'] ?? 'sqlite,postgres').split(',');

type Form = 'whole' | 'bounded';

/** Runs all of it; some minutes, most of them for the 100,000 groups to be there. */
export async function run(): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = [];
  for (const database of DATABASES) {
    const { store, close } = database === 'sqlite' ? await openSqlite() : await openPostgres();
    try {
      results.push({
        name: `feed of ${RULES} rules and ${PEOPLE * GROUPED} groups on ${database}`,
        rows: await measure(store),
      });
    } finally {
      await close();
    }
  }
  return results;
}

async function measure(store: Store): Promise<Record<string, number | string>[]> {
  const { FeedCache } = await built<typeof import('../service/compile/feed-cache.js')>('compile/feed-cache.js');
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const runtime = createRuntime({}, 'ERROR');
  const team = await store.createTeam('bench');
  await fill(store, team.id);

  const anew = () => new FeedCache(runtime, store);
  const wholes: Timed[] = [];
  for (let i = 0; i < WHOLES; i += 1) {
    const feeds = anew();
    wholes.push(await timed(() => ask(feeds, team.id, 'whole')));
    feeds.close();
  }
  const { feeds } = store;
  let known = await ask(feeds, team.id, 'whole');
  const changes: Timed[] = [];
  let differenceBytes = 0;
  for (let i = 0; i < CHANGES; i += 1) {
    await store.recordEvents(team.id, [spend(`newcomer-${i}`)]);
    const one = await timed(() => ask(feeds, team.id, 'whole', known.etag));
    if (one.answer.kind !== 'difference') throw new Error(`a change came as ${one.answer.kind}`);
    differenceBytes = one.answer.body.bytes.length;
    known = one.answer;
    changes.push(one);
  }
  const body = await timed(() => ask(feeds, team.id, 'whole'));
  const bounded = await timed(() => ask(feeds, team.id, 'bounded'));
  if (body.answer.kind !== 'feed' || bounded.answer.kind !== 'feed') throw new Error('there is no feed');
  const zipped = await timed(() => (body.answer as FeedAnswer & { kind: 'feed' }).body.gzip());
  const medianOf = (times: readonly Timed[]) => median(times.map(({ ms }) => ms));
  return [
    { what: 'compile a change', ms: medianOf(changes), 'longest block ms': longest(changes), bytes: differenceBytes },
    { what: 'compile everything (comparator)', ms: medianOf(wholes), 'longest block ms': longest(wholes), bytes: '' },
    row('write the whole body', body, body.answer.body.bytes.length),
    row('compress it, off the thread', zipped, (zipped.answer as unknown as Buffer).length),
    row(`write the bounded body, ${bounded.answer.body.omitted} left out`, bounded, bounded.answer.body.bytes.length),
  ];
}

function row(what: string, { ms, blockMs }: Timed<unknown>, bytes: number): Record<string, number | string> {
  return { what, ms: round(ms), 'longest block ms': round(blockMs), bytes };
}

function ask(feeds: FeedDesk, teamId: string, form: Form, ifNoneMatch?: string): Promise<FeedAnswer> {
  return feeds.answer(teamId, { form, difference: ifNoneMatch !== undefined, ifNoneMatch });
}

async function fill(store: Store, teamId: string): Promise<void> {
  const controls = Array.from({ length: RULES }, (_, n) => (n < GROUPED ? grouped(n) : pooled(n)));
  for (let from = 0; from < controls.length; from += 500) {
    await Promise.all(controls.slice(from, from + 500).map((one) => store.createControl(teamId, one)));
  }
  for (let from = 0; from < PEOPLE; from += 500) {
    const people = Array.from({ length: Math.min(500, PEOPLE - from) }, (_, n) => spend(`customer-${from + n}`));
    await store.recordEvents(teamId, people);
  }
}

const CONTROL: CostControlInput = {
  name: '',
  description: '',
  metricType: 'TOTAL_COST',
  windowType: 'MONTHLY',
  action: 'BLOCK',
  groupBy: null,
  warnThreshold: null,
  hardLimit: '0.5',
  filters: [],
  shadowMode: false,
  enabled: true,
  notificationChannelIds: [],
  onUnknownPrice: 'flag',
};

function grouped(n: number): CostControlInput {
  return { ...CONTROL, name: `every customer ${n}`, groupBy: 'SUBSCRIBER' };
}

function pooled(n: number): CostControlInput {
  const filters = [{ dimension: 'AGENT' as const, operator: 'IS' as const, value: `agent-${n}` }];
  return { ...CONTROL, name: `budget of agent ${n}`, filters };
}

let transactions = 0;

function spend(id: string): IncomingEvent {
  transactions += 1;
  const now = new Date();
  const transactionId = `bench-${transactions}`;
  const usage = { inputTokenCount: 10, outputTokenCount: 10, totalTokenCount: 20, totalCost: 1 };
  const call = { model: 'gpt-4o-mini', provider: 'OPENAI', costType: 'AI', operationType: 'CHAT', stopReason: 'END' };
  const body = {
    transactionId,
    ...call,
    ...usage,
    isStreamed: false,
    requestTime: now.toISOString(),
    subscriber: { id },
  };
  return { transactionId, receivedAtMs: now.getTime(), body };
}

interface Timed<T = FeedAnswer> {
  readonly answer: T;
  readonly ms: number;
  readonly blockMs: number;
}

/** How long it takes, and the longest time meanwhile in which nothing else could run. */
async function timed<T>(task: () => Promise<T>): Promise<Timed<T>> {
  const startedAt = performance.now();
  let turnAt = startedAt;
  let blockMs = 0;
  let isDone = false;
  const turn = (): void => {
    const now = performance.now();
    blockMs = Math.max(blockMs, now - turnAt);
    turnAt = now;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const answer = await task();
  isDone = true;
  const ms = performance.now() - startedAt;
  turn();
  return { answer, ms, blockMs };
}

const median = (values: readonly number[]) => round([...values].sort((a, b) => a - b)[values.length >> 1] ?? 0);
/** The median of several longest blocks: one alone says as much about the machine's other work as about ours. */
const longest = (times: readonly Timed<unknown>[]) => median(times.map(({ blockMs }) => blockMs));
const round = (value: number) => Math.round(value * 100) / 100;

async function openSqlite() {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const path = 'store/sqlite/open-sqlite-store.js';
  const sqlite = await built<typeof import('../service/store/sqlite/open-sqlite-store.js')>(path);
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-'));
  const store = await sqlite.openSqliteStore({ file: join(folder, 'bench.db'), runtime: createRuntime({}, 'ERROR') });
  const close = async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { store, close };
}

async function openPostgres() {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const path = 'store/postgres/open-postgres-store.js';
  const postgres = await built<typeof import('../service/store/postgres/open-postgres-store.js')>(path);
  const server = await startPostgres(0);
  const url = await server.createDatabase();
  const store = await postgres.openPostgresStore({ url, runtime: createRuntime({}, 'ERROR') });
  const close = async () => {
    await store.close();
    await server.remove();
  };
  return { store, close };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const result of await run()) printResult(result);
  process.exit(0);
}
