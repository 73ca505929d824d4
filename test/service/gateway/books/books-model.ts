/**
 * The books of one team with nothing happening by itself: every delivery and every read is a step. And beside them a
 * naive oracle, which sums events one by one.
 */
import { type DiskOutbox, type MeteredEvent, openDiskOutbox } from 'fusewire/internal';
import { expect } from 'vitest';
import { compileControl, digitsOf } from '../../../../service/compile/compiled-control.js';
import type { Cell } from '../../../../service/gateway/books/cell.js';
import { Deliverer } from '../../../../service/gateway/books/deliverer.js';
import { holdsOf, judge } from '../../../../service/gateway/books/judge.js';
import { type PreparedEvent, prepareOwn } from '../../../../service/gateway/books/prepare-event.js';
import { StandingReader } from '../../../../service/gateway/books/reader.js';
import { SettledEvent } from '../../../../service/gateway/books/settled-event.js';
import { Standing } from '../../../../service/gateway/books/standing.js';
import { OpenTicket } from '../../../../service/gateway/books/ticket.js';
import type { GatewayCall } from '../../../../service/gateway/types.js';
import { formatScaled } from '../../../../service/ledger/decimal.js';
import { windowOf, windowTimeOf } from '../../../../service/ledger/windows.js';
import { createCatalogue } from '../../../../service/pricing/catalogue.js';
import type { CostControl, Store } from '../../../../service/store/store.js';
import { type HandClock, event as usageEvent } from '../../store-support.js';
import { type CallFields, callOf } from './books-support.js';

const ALLOWED = { outcome: 'allow', code: 'ALLOWED' } as const;
const HOUR = 3_600_000;

/** What the oracle knows of an event. */
interface Told {
  readonly model: string;
  readonly customer: string;
  readonly atMs: number;
  readonly tokens: number;
}

interface Kept extends Told {
  readonly amount: bigint;
}

interface UnderWay extends Told {
  readonly ticket: OpenTicket;
}

/** Flat prices, in nano-dollars a call, from their declaration on; the first also before it. None: unknown. */
export type Prices = { readonly model: string; readonly fromMs: number; readonly amount: bigint }[];

export class BooksModel {
  readonly standing = new Standing(createCatalogue());
  readonly underWay: UnderWay[] = [];
  readonly #reader: StandingReader;
  readonly #deliverer: Deliverer;
  readonly #outbox: DiskOutbox;
  readonly #settled = new Map<MeteredEvent, SettledEvent>();
  /** Every own event that ended, by transaction id. */
  readonly #own = new Map<string, Told>();
  /** The ledger as the last read saw it. */
  #seen = new Map<string, Kept>();
  #seenControls: readonly CostControl[] = [];
  #seenPrices: Prices = [];
  #count = 0;

  constructor(
    readonly store: Store,
    readonly clock: HandClock,
    readonly teamId: string,
    folder: string,
    readonly prices: Prices,
  ) {
    const { runtime } = clock;
    this.#outbox = openDiskOutbox({ directory: folder, owner: { origin: 'o', teamId }, capacity: 10_000, runtime });
    this.#reader = new StandingReader(store, runtime, teamId, this.standing);
    const tools = { newId: runtime.newId, protect: (value: string) => value };
    const hard = { acknowledged: () => undefined, lost: () => undefined };
    const weigh = (prepared: PreparedEvent) => new SettledEvent(prepared, this.standing);
    const letters = { add: () => undefined };
    const parts = { store, teamId, log: runtime.log, outbox: this.#outbox, tools, settled: this.#settled, hard };
    this.#deliverer = new Deliverer({ ...parts, weigh, letters });
  }

  close(): Promise<void> {
    return this.#outbox.close();
  }

  async read(): Promise<void> {
    for (const cell of this.standing.cells()) this.#reader.want(cell);
    this.#reader.wantVersions();
    expect(await this.#reader.read()).toBe('done');
    this.#seen = await this.#ledger();
    this.#seenControls = (await this.store.listControls(this.teamId, { page: 0, size: 100 })).items;
    this.#seenPrices = [...this.prices];
  }

  async deliver(): Promise<void> {
    await this.#deliverer.deliver();
  }

  /** Asks for a call, reads as often as is asked for, and holds the answer against the sums of the oracle. */
  async admit(fields: CallFields): Promise<'admit' | 'refuse'> {
    const call = callOf(this.teamId, fields);
    const arrived = this.#reader.begun;
    for (let turn = 0; ; turn += 1) {
      expect(turn).toBeLessThan(5);
      if (this.standing.versions === undefined) await this.read();
      const [atMs, nowMs] = [this.clock.monotonicMs, this.clock.nowMs];
      const arrival = { readNumber: arrived, canRead: true, atMs, nowMs };
      const judgement = judge(this.standing, call, ALLOWED, arrival, () => undefined);
      if (judgement.kind === 'read') {
        await this.read();
        continue;
      }
      const fits = this.#fits(call);
      expect([judgement.kind, fits.why]).toEqual([fits.isFit ? 'admit' : 'refuse', fits.why]);
      if (judgement.kind === 'refuse') return 'refuse';
      const ticket = new OpenTicket(call, nowMs, judgement.shares, this.standing.weights, (own, ownAtMs) =>
        holdsOf(this.standing, own, ownAtMs),
      );
      this.underWay.push({ ...toldOf(call, nowMs), ticket });
      return 'admit';
    }
  }

  /** A call ends with so many tokens; without an event where none are said. */
  end(position: number, tokens: number | undefined): void {
    const [call] = this.underWay.splice(position % Math.max(1, this.underWay.length), 1);
    if (call === undefined) return;
    if (tokens !== undefined) this.#meter({ ...call, tokens });
    call.ticket.settle();
    call.ticket.release();
  }

  /** Another process records something. */
  async spendElsewhere(told: Omit<Told, 'atMs'>): Promise<void> {
    this.#count += 1;
    const fields = fieldsOf(`f-${this.#count}`, { ...told, atMs: this.clock.nowMs });
    await this.store.recordEvents(this.teamId, [usageEvent(this.clock.nowMs, fields)]);
  }

  /** Every balance that is known is what the oracle knows. */
  check(): void {
    for (const cell of this.standing.cells()) {
      const { control } = cell.book.compiled;
      if (!cell.isLoaded) continue;
      const now = cell.standing(cell.book.windowAt(this.clock.nowMs));
      const seen = this.#seenControls.find(({ id }) => id === control.id);
      if (seen === undefined) continue;
      const { spend, held } = this.#sumsOf(seen, cell.groupKey);
      const name = `${control.metricType} ${control.windowType} ${JSON.stringify(control.filters)} ${cell.groupKey}`;
      expect([name, now.value, now.held]).toEqual([name, spend, held]);
    }
  }

  /** After everything ended and was delivered nothing is left of it. */
  async checkEnd(): Promise<void> {
    while (this.underWay.length > 0) this.end(0, 10);
    while (this.#outbox.depth() > 0) await this.deliver();
    await this.read();
    this.check();
    expect(this.standing.weights.size).toBe(0);
    expect(this.#settled.size).toBe(0);
    const busy: Cell[] = [...this.standing.cells()].filter((cell) => !cell.isIdle);
    expect(busy.map(({ groupKey }) => groupKey)).toEqual([]);
    expect((await this.store.verifyBalances()).wrong).toEqual([]);
  }

  #meter(told: Told): void {
    this.#count += 1;
    const id = `0190a3f2-0000-7000-8000-${String(this.#count).padStart(12, '0')}`;
    const metered = fieldsOf(id, told) as unknown as MeteredEvent;
    const { runtime } = this.clock;
    this.#outbox.append(id, metered);
    const tools = { newId: runtime.newId, protect: (value: string) => value };
    this.#settled.set(metered, new SettledEvent(prepareOwn(metered, runtime.now(), tools), this.standing));
    // Whoever answers after more than a day is counted by the receipt, as every event.
    this.#own.set(id, { ...told, atMs: windowTimeOf(told.atMs, runtime.now()).windowTimeMs });
  }

  async #ledger(): Promise<Map<string, Kept>> {
    const { items } = await this.store.findEvents(this.teamId, { page: 0, size: 5_000 });
    return new Map(
      items.map(({ transactionId, body, windowTimeMs, amountNanoUsd }) => {
        const model = String(body['model']);
        const customer = String((body['subscriber'] as { id: string }).id);
        const told = { model, customer, atMs: windowTimeMs, tokens: Number(body['totalTokenCount']) };
        return [transactionId, { ...told, amount: amountNanoUsd }];
      }),
    );
  }

  /** By hand: what the ledger had, what ended here and was not there yet, and what is under way. */
  #sumsOf(control: CostControl, group: string): { spend: bigint; held: bigint } {
    let spend = 0n;
    let held = 0n;
    const isMoney = control.metricType === 'TOTAL_COST';
    const counts = (told: Told): boolean => {
      if (!isWithin(control, told.atMs, this.clock.nowMs)) return false;
      return concerns(control, told) && (control.groupBy === null || told.customer === group);
    };
    for (const kept of this.#seen.values()) if (counts(kept)) spend += isMoney ? kept.amount : BigInt(kept.tokens);
    for (const [id, told] of this.#own) {
      if (this.#seen.has(id) || !counts(told)) continue;
      spend += isMoney ? this.#priceOf(told) : BigInt(told.tokens);
    }
    for (const told of this.underWay) {
      if (counts(told)) held += isMoney ? this.#priceOf(told) : BigInt(told.tokens);
    }
    return { spend, held };
  }

  #priceOf({ model, atMs }: Told): bigint {
    const own = this.#seenPrices.filter((price) => price.model === model);
    return (own.findLast(({ fromMs }) => fromMs <= atMs) ?? own[0])?.amount ?? 0n;
  }

  #fits(call: GatewayCall): { isFit: boolean; why: string } {
    const told = toldOf(call, this.clock.nowMs);
    for (const control of this.#seenControls) {
      if (!control.enabled || control.shadowMode || !concerns(control, told)) continue;
      const limit = compileControl(control).limit;
      const { spend, held } = this.#sumsOf(control, control.groupBy === null ? '' : told.customer);
      const isMoney = control.metricType === 'TOTAL_COST';
      const bound = isMoney ? this.#priceOf(told) : BigInt(told.tokens);
      if (spend < limit && (bound === 0n || spend + held + bound <= limit)) continue;
      const text = (amount: bigint): string => formatScaled(amount, digitsOf(control.metricType));
      return { isFit: false, why: `${text(spend)} + ${text(held)} + ${text(bound)} of ${text(limit)}` };
    }
    return { isFit: true, why: '' };
  }
}

function toldOf(call: GatewayCall, atMs: number): Told {
  const { bound, dimensions } = call;
  const tokens = bound.inputTokensMax + bound.outputTokensMax;
  return { model: String(dimensions.model), customer: String(dimensions.subscriberId), atMs, tokens };
}

function fieldsOf(transactionId: string, { model, customer, atMs, tokens }: Told): Record<string, unknown> {
  return {
    transactionId,
    model,
    provider: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: tokens,
    outputTokenCount: 0,
    totalTokenCount: tokens,
    requestTime: new Date(atMs).toISOString(),
    subscriber: { id: customer, email: `${customer}@example.org`, credential: { name: 'gk_1' } },
    attributes: { usageState: 'reported' },
  };
}

function concerns({ filters, enabled }: CostControl, { model, customer }: Told): boolean {
  return enabled && filters.every(({ dimension, value }) => (dimension === 'MODEL' ? model : customer) === value);
}

function isWithin(control: CostControl, atMs: number, nowMs: number): boolean {
  if (control.windowType !== 'ROLLING') {
    const { startMs, endMs } = windowOf(control, nowMs);
    return atMs >= startMs && atMs < endMs;
  }
  const bucketMs = HOUR / 60;
  const bucket = (ms: number): number => Math.floor(ms / bucketMs);
  return bucket(atMs) >= bucket(nowMs) - 60 && bucket(atMs) <= bucket(nowMs + 300_000);
}
