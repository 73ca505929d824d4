// Random histories of events, prices and passes over events, with a naive book of prices beside them (I5, I6).
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import type { CostControlInput, DeclaredPrice, PriceOverride, Store } from '../../service/store/store.js';
import { usePostgres } from './postgres-support.js';
import { declared } from './pricing-support.js';
import { repriced } from './repricing-support.js';
import { control, DAY, event, type HandClock, HOUR, handClock, NOON, rulesOf, tempFolder } from './store-support.js';

const USD = 1_000_000_000_000n;
const MODELS = ['m1', 'm2', 'm3'] as const;

interface Made {
  readonly model: (typeof MODELS)[number];
  readonly hoursAgo: number;
  readonly cents: number | null;
  readonly batch: boolean;
  readonly subscriber: string | undefined;
  readonly repeat: boolean;
}
interface Priced {
  readonly model: (typeof MODELS)[number] | '*';
  readonly tier: 'batch' | '*' | null;
  readonly dollars: number;
  readonly fromHours: number | null;
  readonly lasts: number | null;
}
type Step =
  | { readonly kind: 'events'; readonly made: readonly Made[] }
  | { readonly kind: 'price'; readonly price: Priced }
  | { readonly kind: 'withdraw'; readonly which: number }
  | { readonly kind: 'list'; readonly prices: readonly Priced[] }
  | { readonly kind: 'pass'; readonly scope: 'unknown' | 'all' }
  | { readonly kind: 'control'; readonly input: CostControlInput }
  | { readonly kind: 'wait'; readonly hours: number; readonly turn: boolean }
  | { readonly kind: 'settle' }
  /** At once: a control that meets its events while they are priced again. */
  | {
      readonly kind: 'together';
      readonly price: Priced;
      readonly input: CostControlInput;
      readonly made: readonly Made[];
    };

const made: fc.Arbitrary<Made> = fc.record({
  model: fc.constantFrom(...MODELS),
  // Many at the same instant, so that a slice ends among them.
  hoursAgo: fc.constantFrom(0, 0, 0, 1, 5, 24),
  cents: fc.option(fc.integer({ min: 0, max: 300 }), { freq: 2, nil: null }),
  batch: fc.constantFrom(false, false, true),
  subscriber: fc.constantFrom(undefined, 'u1', 'u2'),
  repeat: fc.boolean(),
});
const price: fc.Arbitrary<Priced> = fc.record({
  model: fc.constantFrom(...MODELS, '*' as const),
  tier: fc.constantFrom(null, null, 'batch' as const, '*' as const),
  dollars: fc.integer({ min: 0, max: 3 }),
  fromHours: fc.option(fc.integer({ min: -30, max: 20 }), { nil: null }),
  lasts: fc.option(fc.integer({ min: 31, max: 60 }), { nil: null }),
});
const inputs: fc.Arbitrary<CostControlInput> = fc
  .record({
    windowType: fc.constantFrom('DAILY' as const, 'WEEKLY' as const, 'HOURLY' as const, 'LIFETIME' as const),
    groupBy: fc.constantFrom(null, 'SUBSCRIBER' as const, 'MODEL' as const),
    hardLimit: fc.constantFrom('1', '2.5', '8'),
    onUnknownPrice: fc.constantFrom('flag' as const, 'refuse' as const),
  })
  .map((fields) => control(fields));
const one = <K extends string, T extends object>(kind: K, fields: { [N in keyof T]: fc.Arbitrary<T[N]> }) =>
  fc.record({ kind: fc.constant(kind), ...fields }) as unknown as fc.Arbitrary<{ kind: K } & T>;
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: one('events', { made: fc.array(made, { minLength: 1, maxLength: 8 }) }) },
    { weight: 4, arbitrary: one('price', { price }) },
    { weight: 1, arbitrary: one('withdraw', { which: fc.nat(9) }) },
    { weight: 1, arbitrary: one('list', { prices: fc.array(price, { minLength: 1, maxLength: 4 }) }) },
    { weight: 2, arbitrary: one('pass', { scope: fc.constantFrom('unknown' as const, 'all' as const) }) },
    { weight: 3, arbitrary: one('control', { input: inputs }) },
    { weight: 2, arbitrary: one('wait', { hours: fc.integer({ min: 1, max: 30 }), turn: fc.boolean() }) },
    { weight: 1, arbitrary: one('settle', {}) },
    {
      weight: 3,
      arbitrary: one('together', { price, input: inputs, made: fc.array(made, { minLength: 1, maxLength: 8 }) }),
    },
  ) as fc.Arbitrary<Step>,
  { minLength: 4, maxLength: 25 },
);

interface Seen {
  readonly made: Made;
  readonly atMs: number;
  /** The state of the prices when it came: 1 after the first change. */
  readonly since: number;
}

/** One history: the store, and beside it every event and every state of the prices, as lists. */
class History {
  readonly seen = new Map<string, Seen>();
  readonly books: (readonly PriceOverride[])[] = [];
  #controls = 0;

  constructor(
    readonly store: Store,
    readonly teamId: string,
    readonly clock: HandClock,
  ) {}

  async take(step: Step): Promise<void> {
    const { store, teamId, clock } = this;
    if (step.kind === 'events') await this.#record(step.made);
    else if (step.kind === 'price') await store.setPrice(teamId, this.#declare(step.price));
    else if (step.kind === 'list') await this.#accept(step.prices);
    else if (step.kind === 'pass') await store.startReprice(teamId, { reason: 'asked', scope: step.scope });
    else if (step.kind === 'settle') await repriced(store, teamId);
    else if (step.kind === 'together') {
      const declaring = store.setPrice(teamId, this.#declare(step.price));
      await Promise.all([this.#record(step.made), declaring, this.#addControl(step.input)]);
    } else if (step.kind === 'control') await this.#addControl(step.input);
    else if (step.kind === 'wait') {
      clock.advance(step.hours * HOUR);
      if (step.turn) await store.turnWindows();
    } else {
      const holding = await store.listPrices(teamId);
      const target = holding[step.which % Math.max(1, holding.length)];
      if (target !== undefined) await store.withdrawPrice(teamId, target.id, {});
    }
    if (step.kind !== 'events') this.books.push(await store.listPrices(teamId, { all: true }));
  }

  /** Every amount is one that some book gave, since the event came; none that the last book has is missing. */
  async check(): Promise<void> {
    const { store, teamId } = this;
    const { items } = await store.findEvents(teamId, { page: 0, size: 10_000 });
    expect(new Set(items.map(({ transactionId }) => transactionId))).toEqual(new Set(this.seen.keys()));
    for (const { transactionId, priceState, amountNanoUsd } of items) {
      const seen = this.seen.get(transactionId)!;
      const possible = this.books.slice(seen.since).map((book) => naive(book, seen));
      const own = seen.made.cents === null ? possible : [BigInt(seen.made.cents) * 10_000_000n];
      const amount = priceState === 'unknown' ? undefined : amountNanoUsd;
      expect([transactionId, own.includes(amount)]).toEqual([transactionId, true]);
      // What has a price now was priced: nothing is left behind.
      if (amount === undefined) expect([transactionId, own.at(-1)]).toEqual([transactionId, undefined]);
      const entries = await store.listPriceEntries(teamId, transactionId);
      expect(entries.map(({ version }) => version)).toEqual(entries.map((_, i) => i + 1));
      expect(entries.at(-1)).toMatchObject({ priceState, amountNanoUsd });
    }
  }

  async #record(all: readonly Made[]): Promise<void> {
    const { nowMs } = this.clock;
    const events = all.flatMap((body) => {
      const transactionId = `e${this.seen.size}`;
      const atMs = nowMs - body.hoursAgo * HOUR;
      this.seen.set(transactionId, { made: body, atMs, since: this.books.length - 1 });
      const fields = {
        transactionId,
        model: body.model,
        provider: 'Acme',
        inputTokenCount: 3,
        ...(body.cents === null ? {} : { totalCost: body.cents / 100 }),
        ...(body.batch ? { pricingTier: 'BATCH' } : {}),
        ...(body.subscriber === undefined ? {} : { subscriber: { id: body.subscriber } }),
      };
      const incoming = event(atMs, fields, nowMs);
      return body.repeat ? [incoming, incoming] : [incoming];
    });
    await this.store.recordEvents(this.teamId, events);
  }

  async #accept(prices: readonly Priced[]): Promise<void> {
    const list = prices.map((one) => this.#declare(one));
    const named = new Map(list.map((one) => [`${one.model} ${one.serviceTier} ${one.validFromMs}`, one]));
    const input = { name: 'list', prices: [...named.values()], isWhole: false };
    const draft = await this.store.draftPriceImport(this.teamId, input);
    const confirm = draft?.changes.filter(({ heldBack }) => heldBack).map(({ key }) => key) ?? [];
    const result = await this.store.acceptPriceImport(this.teamId, draft?.id ?? '', { confirm });
    expect(result.outcome).toBe('accepted');
  }

  async #addControl(input: CostControlInput): Promise<void> {
    this.#controls += 1;
    if (this.#controls <= 5) await this.store.createControl(this.teamId, { ...input, name: `c${this.#controls}` });
  }

  #declare({ model, tier, dollars, fromHours, lasts }: Priced): DeclaredPrice {
    const validFromMs = fromHours === null ? null : this.clock.nowMs + fromHours * HOUR;
    const validUntilMs = lasts === null ? null : this.clock.nowMs + lasts * HOUR;
    const range = { serviceTier: tier, validFromMs, validUntilMs };
    return declared({ model, ...range }, { request: BigInt(dollars) * USD });
  }
}

/** Nano-dollars by one state of the prices, from its definition; `undefined` is unknown. */
function naive(book: readonly PriceOverride[], { made: { model, batch }, atMs }: Seen): bigint | undefined {
  const start = (one: PriceOverride) => one.validFromMs ?? one.createdAtMs;
  const names = [model, '*'].flatMap((name) => [batch ? 'batch' : null, '*'].map((tier) => [name, tier]));
  const named = ([name, tier]: (string | null)[]) =>
    book.filter((one) => one.provider === null && one.model === name && one.serviceTier === tier);
  const amount = (one: PriceOverride) => (one.rates.request?.basePicoUsd ?? 0n) / 1_000n;
  for (const name of names) {
    const holding = named(name).filter((one) => start(one) <= atMs && atMs < (one.validUntilMs ?? Number.MAX_VALUE));
    const last = holding.sort((a, b) => start(b) - start(a) || b.version - a.version)[0];
    if (last !== undefined && last.kind !== 'withdrawn') return amount(last);
  }
  for (const name of names) {
    const back = named(name).filter((one) => one.validFromMs === null && one.kind !== 'withdrawn' && start(one) > atMs);
    const first = back
      .filter((one) => atMs < (one.validUntilMs ?? Number.MAX_VALUE))
      .sort((a, b) => start(a) - start(b))[0];
    if (first !== undefined) return amount(first);
  }
  return undefined;
}

async function live(steps: readonly Step[], store: Store, clock: HandClock): Promise<void> {
  clock.advance(28 * DAY - ((clock.nowMs - NOON) % (28 * DAY)));
  const { id } = await store.createTeam('t');
  try {
    await run(steps, new History(store, id, clock));
  } finally {
    // What is wrong in one history is not wrong in the next one.
    for (const { id: controlId } of (await store.listControls(id, { page: 0, size: 100 })).items) {
      await store.deleteControl(id, controlId);
    }
  }
}

async function run(steps: readonly Step[], history: History): Promise<void> {
  const { store, teamId } = history;
  const balancesAreRight = async (): Promise<void> => expect((await store.verifyBalances()).wrong).toEqual([]);
  history.books.push(await store.listPrices(teamId, { all: true }));
  for (const step of steps) {
    await history.take(step);
    // Also while events are being priced again: I6 holds at every commit.
    await balancesAreRight();
  }
  await repriced(store, teamId);
  await balancesAreRight();
  await history.check();
  await store.turnWindows();
  await balancesAreRight();
  // Verdicts follow from what is kept: a rule that refuses has reached its limit, or has a price that it refuses.
  for (const rule of await rulesOf(store, teamId)) {
    if (rule.groupBy !== null || !rule.breached || rule.currentValue >= rule.threshold) continue;
    const { items } = await store.findEvents(teamId, { page: 0, size: 10_000 });
    expect(items.some(({ priceState }) => priceState === 'unknown')).toBe(true);
  }
}

describe('I5, I6: balances are the sum of the latest entries through any history of events, prices and passes', () => {
  // A clock for each: a history that is interrupted goes on for a while, and would move the time of the next test.
  const clocks = { sqlite: handClock(), postgres: handClock() };
  const opened: Store[] = [];
  const server = usePostgres();
  const folder = tempFolder();
  let sqlite: Store;
  let postgres: Store;
  beforeAll(async () => {
    const file = join(folder.path, 'x.db');
    sqlite = await openSqliteStore({ file, runtime: clocks.sqlite.runtime, inProcess: true, fillSlice: 3 });
    opened.push(sqlite);
    const url = await server.createMigrated();
    postgres = await openPostgresStore({ url, runtime: clocks.postgres.runtime, fillSlice: 3 });
    opened.push(postgres);
  }, 60_000);
  afterAll(async () => {
    for (const store of opened) await store.close();
    folder.remove();
  });

  test('on SQLite', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(steps, (history) => live(history, sqlite, clocks.sqlite));
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 60_000 });
  });

  test('on PostgreSQL', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(steps, (history) => live(history, postgres, clocks.postgres));
    await fc.assert(property, { numRuns: 15, interruptAfterTimeLimit: 60_000 });
  });
});
