/**
 * Pollers that wait for the feed to change. While they wait they cost a place in a set: no timer of their own, no look
 * into the store. When the feed changes they are answered in turns, so that a thousand of them hold up nobody for long.
 */
import type { Runtime, Timer } from 'fusewire/internal';
import type { FeedAsk, FeedDesk } from '../store/store.js';

/** Waiters of one team, and of all; whoever comes above that is answered at once (I10). */
const TEAM_MAX = 10_000;
const ALL_MAX = 15_000;
/** Waits end on such a grid, up to so much later than asked: one timer ends all of a slot. */
const SLOT_MS = 250;
/** Answers between two turns of the event loop. */
const TURN_SIZE = 32;

/** Bounds, for tests. */
export interface WaiterLimits {
  readonly teamMax?: number;
  readonly allMax?: number;
}

interface Waiter {
  readonly ask: FeedAsk;
  readonly slot: number;
  done(): void;
}

interface WaitingTeam {
  readonly waiters: Set<Waiter>;
  readonly unwatch: () => void;
}

/** All that wait on one server. */
export class FeedWaiters {
  readonly #runtime: Runtime;
  readonly #feeds: FeedDesk;
  readonly #teamMax: number;
  readonly #allMax: number;
  readonly #teams = new Map<string, WaitingTeam>();
  readonly #slots = new Map<number, Set<Waiter>>();
  #timer: Timer | undefined;
  #timerSlot = Number.POSITIVE_INFINITY;
  #waiting = 0;
  #turnedAway = 0;
  #isFull = false;
  #closed = false;
  #waking: Waiter[] = [];

  constructor(runtime: Runtime, feeds: FeedDesk, limits: WaiterLimits = {}) {
    this.#runtime = runtime;
    this.#feeds = feeds;
    this.#teamMax = limits.teamMax ?? TEAM_MAX;
    this.#allMax = limits.allMax ?? ALL_MAX;
  }

  /** How many wait now, and how many were answered at once because too many did. */
  counters(): { readonly waiting: number; readonly turnedAway: number } {
    return { waiting: this.#waiting, turnedAway: this.#turnedAway };
  }

  /**
   * Resolves when the feed is another one than the client has, when the time is over, when `signal` says that the client
   * is gone, or when the server closes. At once where too many wait.
   */
  async wait(teamId: string, ask: FeedAsk, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || waitMs <= 0) return;
    const team = this.#teams.get(teamId);
    if (this.#waiting >= this.#allMax || (team?.waiters.size ?? 0) >= this.#teamMax) {
      this.#turnAway();
      return;
    }
    await new Promise<void>((resolve) => {
      const slot = Math.ceil((this.#runtime.monotonicNow() + waitMs) / SLOT_MS);
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#forget(teamId, waiter);
        resolve();
      };
      const waiter: Waiter = { ask, slot, done };
      signal.addEventListener('abort', done);
      this.#keep(teamId, waiter);
      // It may have changed between the client's look and now.
      if (this.#feeds.differs(teamId, ask)) done();
    });
  }

  /** Ends every wait; later ones end at once. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { waiters } of [...this.#teams.values()]) for (const waiter of [...waiters]) waiter.done();
  }

  #keep(teamId: string, waiter: Waiter): void {
    let team = this.#teams.get(teamId);
    if (team === undefined) {
      team = { waiters: new Set(), unwatch: this.#feeds.watch(teamId, () => this.#changed(teamId)) };
      this.#teams.set(teamId, team);
    }
    team.waiters.add(waiter);
    const slot = this.#slots.get(waiter.slot) ?? new Set();
    slot.add(waiter);
    this.#slots.set(waiter.slot, slot);
    this.#waiting += 1;
    this.#arm(waiter.slot);
  }

  #forget(teamId: string, waiter: Waiter): void {
    const team = this.#teams.get(teamId);
    if (team === undefined || !team.waiters.delete(waiter)) return;
    this.#waiting -= 1;
    const slot = this.#slots.get(waiter.slot);
    slot?.delete(waiter);
    if (slot?.size === 0) this.#slots.delete(waiter.slot);
    if (team.waiters.size === 0) {
      this.#teams.delete(teamId);
      team.unwatch();
    }
    if (this.#isFull && this.#waiting < this.#allMax / 2) {
      this.#isFull = false;
      this.#runtime.log.info('pollers can wait for the feed again', { turnedAway: this.#turnedAway });
    }
  }

  #turnAway(): void {
    this.#turnedAway += 1;
    if (this.#isFull) return;
    this.#isFull = true;
    this.#runtime.log.warn('too many pollers wait for the feed; the rest is answered at once', {
      waiting: this.#waiting,
    });
  }

  /** The earliest slot has the timer. */
  #arm(slot: number): void {
    if (slot >= this.#timerSlot || this.#closed) return;
    this.#timer?.cancel();
    this.#timerSlot = slot;
    const delayMs = Math.max(1, slot * SLOT_MS - this.#runtime.monotonicNow());
    this.#timer = this.#runtime.setTimer(() => this.#tick(), delayMs);
  }

  #tick(): void {
    this.#timerSlot = Number.POSITIVE_INFINITY;
    const now = this.#runtime.monotonicNow();
    let next = Number.POSITIVE_INFINITY;
    for (const [slot, waiters] of this.#slots) {
      if (slot * SLOT_MS <= now) this.#wake(waiters);
      else next = Math.min(next, slot);
    }
    if (Number.isFinite(next)) this.#arm(next);
  }

  #changed(teamId: string): void {
    const team = this.#teams.get(teamId);
    if (team !== undefined) this.#wake(team.waiters, (waiter) => this.#feeds.differs(teamId, waiter.ask));
  }

  #wake(waiters: Iterable<Waiter>, concerns: (waiter: Waiter) => boolean = () => true): void {
    const idle = this.#waking.length === 0;
    for (const waiter of waiters) if (concerns(waiter)) this.#waking.push(waiter);
    if (idle && this.#waking.length > 0) this.#turn();
  }

  #turn(): void {
    for (const waiter of this.#waking.splice(0, TURN_SIZE)) waiter.done();
    if (this.#waking.length > 0) setImmediate(() => this.#turn());
  }
}
