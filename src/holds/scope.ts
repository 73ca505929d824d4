/** One kind of call: the hold that it draws from, and the callers that wait for more of it. */
import type { HoldCall, HoldRefusal } from './hold-types.js';
import type { HoldAnswer, HoldAsk, HoldTicket } from './holder-types.js';
import type { Performed } from './operator.js';
import type { Purse } from './purse.js';
import { RecentUse } from './recent-use.js';
import { affordable, choose, isAsLarge, smallest, sumOf, type Waiter } from './waiting-callers.js';

/** What a scope needs of the escrow around it. */
export interface Escrow {
  now(): number;
  /** Why nothing is sent for the moment. */
  obstacle(): string | undefined;
  version(): string | undefined;
  open(call: HoldCall): Purse;
  ticket(purse: Purse, ask: HoldAsk, amounts: readonly bigint[]): HoldTicket;
  take(purse: Purse, ask: HoldAsk, calls: number): Promise<Performed>;
  extend(purse: Purse, ask: HoldAsk, missing: Readonly<Record<string, bigint>>, calls: number): Promise<Performed>;
  renew(purse: Purse): Promise<Performed>;
  /** No more calls: gives back what they do not need, then goes. */
  retire(purse: Purse): void;
  /** Other holds of this process give back what they do not need of that budget. `false`: none has any. */
  reclaim(purse: Purse | undefined, refusal: HoldRefusal): Promise<boolean>;
}

/** How long it is remembered that a kind of call is free. */
const FREE_MS = 10_000;
/** Calls that a slice is asked for at most. */
const CALLS_MAX = 10_000;
/** After an extension that brought nothing, none in the background for so long. */
const VAIN_MS = 500;
const RETRIES_MAX = 3;
/** Operations for callers who wait, beside two for each: streams may take what one brought. */
const ASKS_MORE = 32;
/** Nobody waits longer for a turn among them. */
const TURN_MAX_MS = 10_000;

/** A kind of call. Callers that wait are served in batches: who comes during one waits for the next. */
export class Scope {
  purse: Purse | undefined;
  usedAtMs = Number.NEGATIVE_INFINITY;
  readonly #escrow: Escrow;
  readonly #use = new RecentUse();
  #freeUntilMs = Number.NEGATIVE_INFINITY;
  #waiting: Waiter[] = [];
  #isServing = false;
  #vainUntilMs = Number.NEGATIVE_INFINITY;
  #slice = 1;

  constructor(escrow: Escrow) {
    this.#escrow = escrow;
  }

  /** Whether callers wait. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Whether nothing is lost when it is forgotten. */
  get isForgettable(): boolean {
    const isWithoutHold = this.purse === undefined || this.purse.state === 'ended';
    return isWithoutHold && !this.#isServing && this.#escrow.now() >= this.#freeUntilMs;
  }

  /** What is known to be free may be so no more. */
  forget(): void {
    this.#freeUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Without a round trip. `isAhead`: more may be asked for in the background. */
  draw(ask: HoldAsk, isAhead = true): HoldTicket | 'free' | undefined {
    const nowMs = this.#escrow.now();
    this.usedAtMs = nowMs;
    const { purse } = this;
    if (purse === undefined) return nowMs < this.#freeUntilMs ? 'free' : undefined;
    if (purse.version !== this.#escrow.version()) return undefined;
    const amounts = purse.draw(ask.need, nowMs);
    if (amounts === undefined) return undefined;
    this.#use.note(nowMs);
    if (isAhead && !purse.isTight && purse.operation === undefined && purse.runsLow)
      this.#extendAhead(purse, ask, nowMs);
    return this.#escrow.ticket(purse, ask, amounts);
  }

  /** With one, where one is needed. */
  take(ask: HoldAsk): Promise<HoldAnswer> {
    return new Promise((resolve) => {
      this.#waiting.push({ ask, answer: resolve, tries: 0 });
      if (this.#isServing) return;
      this.#isServing = true;
      // Callers of the same turn come along.
      queueMicrotask(() => void this.#serve());
    });
  }

  async #serve(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#admit(this.#waiting.splice(0));
    } finally {
      this.#isServing = false;
    }
  }

  async #admit(batch: Waiter[]): Promise<void> {
    let open: readonly Waiter[] = batch;
    let group: readonly Waiter[] | undefined;
    const caps = new Map<string, bigint>();
    try {
      const untilMs = this.#escrow.now() + TURN_MAX_MS;
      let asks = 0;
      while (asks < 2 * batch.length + ASKS_MORE && this.#escrow.now() < untilMs) {
        open = this.#drawFor(open);
        if (open.length === 0) return;
        const obstacle = this.#escrow.obstacle();
        if (obstacle !== undefined) return answerAll(open, { outcome: 'unavailable', reason: obstacle });
        const { purse } = this;
        if (purse?.operation !== undefined) {
          // Streams that grow ask one after the other: waiting for one's turn is no try.
          await purse.operation;
          continue;
        }
        asks += 1;
        const asked = (group ?? open).filter((waiter) => open.includes(waiter));
        const trying = asked.length > 0 ? asked : [smallest(open)];
        const performed = await this.#askFor(trying);
        if (performed.kind === 'failed') return answerAll(open, { outcome: 'unavailable', reason: performed.reason });
        if (performed.kind === 'free') return this.#becomeFree(open);
        if (performed.kind === 'refused') ({ open, group } = await this.#narrow(open, trying, performed, caps));
        else group = group === undefined ? undefined : [];
      }
      answerAll(open, { outcome: 'unavailable', reason: 'the service granted less than it was asked for' });
    } catch (error) {
      answerAll(open, { outcome: 'unavailable', reason: String(error) });
    }
  }

  /** One operation: for the purse that is here, else for a new one. */
  async #askFor(trying: readonly Waiter[]): Promise<Performed> {
    const escrow = this.#escrow;
    const nowMs = escrow.now();
    let { purse } = this;
    if (purse !== undefined && purse.state !== 'asking' && this.#isOver(purse, nowMs)) {
      escrow.retire(purse);
      this.purse = undefined;
      purse = undefined;
    }
    const ahead = purse?.isTight === true ? 0 : this.#ahead(nowMs);
    const least = smallest(trying);
    if (purse === undefined || purse.state === 'asking') {
      purse ??= escrow.open(least.ask.call);
      this.purse = purse;
      const performed = await escrow.take(purse, least.ask, this.#sliceOf(trying.length + ahead));
      if (purse.state === 'ended') this.purse = undefined;
      return performed;
    }
    if (purse.frozenBy !== undefined) return escrow.renew(purse);
    const missing = purse.missing(sumOf(purse, trying));
    const performed = await escrow.extend(purse, least.ask, missing, this.#sliceOf(trying.length + ahead));
    // Closed meanwhile: what was refused says nothing about a new one.
    if (purse.state === 'ended') {
      this.purse = undefined;
      return { kind: 'gone' };
    }
    return performed;
  }

  /** Who fits together into what remains is tried next; who does not fit alone is refused, with all that need as much. */
  async #narrow(
    open: readonly Waiter[],
    trying: readonly Waiter[],
    { refusal, outcome }: Performed & { kind: 'refused' },
    caps: Map<string, bigint>,
  ): Promise<{ open: readonly Waiter[]; group: readonly Waiter[] }> {
    const { purse } = this;
    if (refusal.code !== 'BUDGET_EXCEEDED') {
      answerAll(open, { outcome: 'refused', refusal, affordable: undefined });
      return { open: [], group: [] };
    }
    const alone = purse === undefined ? smallest(trying) : trying.length === 1 ? trying[0]! : undefined;
    if (alone === undefined) {
      caps.set(refusal.controlId, BigInt(refusal.remaining));
      const group = choose(purse!, open, caps);
      return { open, group: group.length < trying.length ? group : [] };
    }
    // What was acknowledged since may have made room, and so may other holds of this process.
    const isLess = purse?.operation === undefined && purse !== undefined && this.#lacksLess(purse, alone, refusal);
    if (alone.tries < RETRIES_MAX && (isLess || (await this.#escrow.reclaim(purse, refusal)))) {
      alone.tries += 1;
      return { open, group: [alone] };
    }
    const rest = open.filter((waiter) => waiter !== alone && !isAsLarge(waiter.ask.need, alone.ask.need));
    for (const waiter of open) {
      if (rest.includes(waiter)) continue;
      const less = affordable(waiter.ask, refusal, this.purse, outcome.rates);
      waiter.answer({ outcome: 'refused', refusal, affordable: less });
    }
    return { open: rest, group: [] };
  }

  #lacksLess(purse: Purse, { ask }: Waiter, refusal: HoldRefusal): boolean {
    const lacking = purse.missing(purse.amountsOf(ask.need))[refusal.controlId];
    return lacking !== undefined && lacking <= BigInt(refusal.remaining) && lacking < BigInt(refusal.asked);
  }

  #drawFor(waiters: readonly Waiter[]): readonly Waiter[] {
    return waiters.filter((waiter) => {
      const drawn = this.draw(waiter.ask, false);
      if (drawn === undefined) return true;
      waiter.answer(drawn === 'free' ? { outcome: 'free' } : { outcome: 'held', ticket: drawn });
      return false;
    });
  }

  #becomeFree(waiters: readonly Waiter[]): void {
    if (this.purse !== undefined) this.#escrow.retire(this.purse);
    this.purse = undefined;
    this.#freeUntilMs = this.#escrow.now() + FREE_MS;
    answerAll(waiters, { outcome: 'free' });
  }

  /** Calls that the next seconds will bring, by the last ones; twice the last slice at most, so that one call is not a habit. */
  #ahead(nowMs: number): number {
    return Math.min(this.#use.calls(nowMs), this.#slice * 2);
  }

  #sliceOf(calls: number): number {
    this.#slice = Math.max(1, Math.min(CALLS_MAX, calls));
    return this.#slice;
  }

  #isOver(purse: Purse, nowMs: number): boolean {
    if (purse.state !== 'open' || purse.version !== this.#escrow.version()) return true;
    return nowMs >= purse.drawUntilMs && purse.frozenBy === undefined;
  }

  /** In the background: nobody waits for it. */
  #extendAhead(purse: Purse, ask: HoldAsk, nowMs: number): void {
    const ahead = this.#ahead(nowMs);
    // One call is no habit.
    if (ahead < 2 || nowMs < this.#vainUntilMs || this.#escrow.obstacle() !== undefined) return;
    const calls = this.#sliceOf(ahead);
    void this.#escrow.extend(purse, ask, purse.missing([]), calls).then((performed) => {
      if (performed.kind !== 'held') this.#vainUntilMs = this.#escrow.now() + VAIN_MS;
      if (purse.state === 'ended' && this.purse === purse) this.purse = undefined;
    });
  }
}

function answerAll(waiters: readonly Waiter[], answer: HoldAnswer): void {
  for (const waiter of waiters) waiter.answer(answer);
}
