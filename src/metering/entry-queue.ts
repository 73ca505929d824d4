/** The entries of an outbox in memory: in order, bounded in number and age. Both outboxes stand on it. */
import type { Runtime } from '../runtime.js';
import { BoundNotice } from './bound-notice.js';
import { isSafeId, type OutboxCounters, type OutboxEntry } from './outbox.js';

/** How an entry left the queue for a bound. */
export type DropReason = 'capacity' | 'age';

/** Bounds of an {@link EntryQueue}. */
export interface EntryQueueOptions {
  /** Entries kept; the oldest unclaimed one goes first. */
  readonly capacity: number;
  readonly maxAgeMs: number;
  readonly runtime: Runtime;
  /** Called for each entry that a bound removed. */
  readonly onDrop?: (entry: OutboxEntry, reason: DropReason) => void;
}

interface Slot {
  readonly entry: OutboxEntry;
  /** Position: entries are handed out in this order. */
  readonly sequence: number;
  /** By the monotonic clock, so that a wall clock that jumps expires nothing (I9). */
  readonly expiresAt: number;
  notBefore: number;
}

/**
 * Entries that came many at once, beside the capacity: the results of one batch are read faster than any service takes
 * them in, and they are as many as a batch may have.
 */
const BULK_MAX = 100_000;
/** Below this share of the capacity the bound counts as over. */
const RELIEF = 0.9;
/** A walk over all entries, so not at each claim. */
const EXPIRE_INTERVAL_MS = 1000;

/**
 * A slot is waiting, returned (claimed once and released) or claimed. Claimed ones are never dropped: they are on their
 * way, and there are no more of them than delivery has workers.
 */
export class EntryQueue {
  readonly #options: EntryQueueOptions;
  /** Never claimed, oldest first. */
  readonly #waiting = new Map<string, Slot>();
  /** Released, sorted by sequence. */
  readonly #returned: Slot[] = [];
  readonly #claimed = new Map<string, Slot>();
  /** The keys of all three, and those among them that came in bulk. */
  readonly #keys = new Set<string>();
  readonly #bulk = new Set<string>();
  readonly #counts = { appended: 0, acknowledged: 0, rejected: 0, dropped: 0, recovered: 0 };
  readonly #full: BoundNotice;
  readonly #old: BoundNotice;
  #sequence = 0;
  #expireNextAt = Number.NEGATIVE_INFINITY;
  #listener: () => void = () => {};
  #dropListener: (entry: OutboxEntry) => void = () => {};

  constructor(options: EntryQueueOptions) {
    this.#options = options;
    const { log } = options.runtime;
    this.#full = new BoundNotice(log, 'the outbox is full; the oldest usage events are dropped', 'the outbox has room');
    this.#old = new BoundNotice(log, 'usage events are too old and are dropped', 'no usage event is too old any more');
  }

  /** Adds an entry, unless its key is here already. `origin` says which counter it counts in; bulk was appended. */
  add(entry: OutboxEntry, origin: 'appended' | 'recovered' | 'bulk' = 'appended'): boolean {
    if (this.has(entry.idempotencyKey)) return false;
    const { maxAgeMs, runtime } = this.#options;
    const now = runtime.monotonicNow();
    const age = origin !== 'recovered' ? 0 : Math.max(0, runtime.now() - entry.createdAtMs);
    this.#sequence += 1;
    const slot = { entry, sequence: this.#sequence, expiresAt: now + maxAgeMs - age, notBefore: 0 };
    this.#waiting.set(entry.idempotencyKey, slot);
    this.#keys.add(entry.idempotencyKey);
    this.#counts[origin === 'bulk' ? 'appended' : origin] += 1;
    if (origin === 'bulk') this.#bulk.add(entry.idempotencyKey);
    this.#evict();
    this.#listener();
    return true;
  }

  /** Whether an entry with this key is here. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /**
   * The key for the event of an attempt: the attempt's id, unless it cannot be a header, or an event under it is here
   * already. The second one is kept under a key of its own: it is the service that tells a repetition from a conflict.
   */
  keyFor(attemptId: string): string {
    return isSafeId(attemptId) && !this.has(attemptId) ? attemptId : this.#options.runtime.newId();
  }

  /** See {@link Outbox.claim}. */
  claim(max: number, includeDelayed = false): readonly OutboxEntry[] {
    const now = this.#options.runtime.monotonicNow();
    this.#expire(now);
    const taken: Slot[] = [];
    for (let i = 0; i < this.#returned.length && taken.length < max; ) {
      const slot = this.#returned[i]!;
      if (includeDelayed || slot.notBefore <= now) taken.push(...this.#returned.splice(i, 1));
      else i += 1;
    }
    for (const [key, slot] of this.#waiting) {
      if (taken.length >= max) break;
      this.#waiting.delete(key);
      taken.push(slot);
    }
    for (const slot of taken) this.#claimed.set(slot.entry.idempotencyKey, slot);
    return taken.map((slot) => slot.entry);
  }

  /** Takes a claimed entry out. False where it is not claimed. */
  settle(entry: OutboxEntry, outcome: 'acknowledged' | 'rejected'): boolean {
    if (!this.#claimed.delete(entry.idempotencyKey)) return false;
    this.#keys.delete(entry.idempotencyKey);
    this.#bulk.delete(entry.idempotencyKey);
    this.#counts[outcome] += 1;
    if (outcome === 'acknowledged') this.#old.over({ dropped: this.#counts.dropped });
    if (this.depth() < this.#capacity() * RELIEF) this.#full.over({ dropped: this.#counts.dropped });
    return true;
  }

  /** See {@link Outbox.release}. */
  release(entry: OutboxEntry, delayMs = 0): void {
    const slot = this.#claimed.get(entry.idempotencyKey);
    if (slot === undefined) return;
    this.#claimed.delete(entry.idempotencyKey);
    slot.notBefore = this.#options.runtime.monotonicNow() + delayMs;
    let at = this.#returned.length;
    while (at > 0 && this.#returned[at - 1]!.sequence > slot.sequence) at -= 1;
    this.#returned.splice(at, 0, slot);
    this.#evict();
  }

  /** Counts events that were lost elsewhere (on disk), so that the total stays true. */
  countLost(events: number): void {
    this.#counts.recovered += events;
    this.#counts.dropped += events;
  }

  depth(): number {
    return this.#keys.size;
  }

  counters(): OutboxCounters {
    return { ...this.#counts };
  }

  onAppend(listener: () => void): void {
    this.#listener = listener;
  }

  /** See {@link Outbox.onDrop}. */
  onDrop(listener: (entry: OutboxEntry) => void): void {
    this.#dropListener = listener;
  }

  /** Every entry, oldest first. */
  entries(): OutboxEntry[] {
    const slots = [...this.#waiting.values(), ...this.#returned, ...this.#claimed.values()];
    return slots.sort((a, b) => a.sequence - b.sequence).map((slot) => slot.entry);
  }

  #evict(): void {
    // Never the last one that waits: with all workers busy a small capacity would refuse every new event.
    while (this.depth() > this.#capacity() && this.#waiting.size + this.#returned.length > 1) {
      this.#drop(this.#removeOldest(), 'capacity');
      this.#full.reached({ capacity: this.#capacity() });
    }
  }

  #capacity(): number {
    return this.#options.capacity + Math.min(this.#bulk.size, BULK_MAX);
  }

  #expire(now: number): void {
    if (now < this.#expireNextAt) return;
    this.#expireNextAt = now + EXPIRE_INTERVAL_MS;
    const isOld = (slot: Slot) => slot.expiresAt <= now;
    const old = [...this.#waiting.values(), ...this.#returned].filter(isOld);
    if (old.length === 0) return;
    for (const slot of old) this.#waiting.delete(slot.entry.idempotencyKey);
    this.#returned.splice(0, this.#returned.length, ...this.#returned.filter((slot) => !isOld(slot)));
    for (const slot of old) this.#drop(slot, 'age');
    this.#old.reached({ maxAgeMs: this.#options.maxAgeMs });
  }

  #removeOldest(): Slot {
    const returned = this.#returned[0];
    const [key, waiting] = this.#waiting.entries().next().value ?? [];
    if (waiting === undefined || (returned !== undefined && returned.sequence < waiting.sequence)) {
      return this.#returned.shift()!;
    }
    this.#waiting.delete(key!);
    return waiting;
  }

  #drop(slot: Slot, reason: DropReason): void {
    this.#keys.delete(slot.entry.idempotencyKey);
    this.#bulk.delete(slot.entry.idempotencyKey);
    this.#counts.dropped += 1;
    this.#options.onDrop?.(slot.entry, reason);
    this.#dropListener(slot.entry);
  }
}
