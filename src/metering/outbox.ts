/** The outbox (station 5): what was metered and is not yet acknowledged by the service. Never on the caller's path. */
import type { MeteredEvent, UsageEvent } from '../wire/usage-event.js';

/** One event on its way, with what delivery needs to know. */
export interface OutboxEntry {
  /**
   * The id of the attempt: stable over retries, crashes and replays; sent as Idempotency-Key. The note of an attempt and
   * its event share it, so a service that was given both counts the attempt once (I4).
   */
  readonly idempotencyKey: string;
  readonly event: MeteredEvent;
  /** Milliseconds since the epoch at which the event was appended. */
  readonly createdAtMs: number;
}

/**
 * The seam between metering and delivery. Append, claim, acknowledge: an entry leaves only when the service has
 * acknowledged it, when it was refused for good (dead letter), or when a bound was reached (counted and logged).
 * Every method is synchronous, but for `close`, and never throws.
 *
 * At any time `appended + recovered = depth + acknowledged + rejected + dropped`, and memory is bounded by the capacity.
 */
export interface Outbox {
  /**
   * Notes an attempt before it is sent, so that a crash does not lose it (I4). `estimate` is the event as it would be if
   * nothing more were ever learnt, marked as recovered; an outbox that is not durable never calls it. The
   * note of `replaces` is removed by the same write: whenever the process dies, one of the two is there.
   */
  note(attemptId: string, estimate: () => UsageEvent, replaces?: string): void;
  /** Removes a note whose attempt needs no event. */
  forget(attemptId: string): void;
  /**
   * Appends an event, of an attempt or of a tool; the note of `attemptId`, if there is one, is settled by it. A second event under the same id gets
   * a key of its own. `isBulk`: one of many that come at once (the results of a batch); up to 100,000 of them are kept
   * beside the capacity.
   */
  append(attemptId: string, event: MeteredEvent, isBulk?: boolean): void;
  /**
   * Hands out up to `max` entries, oldest first, that nobody else has claimed and whose delay is over; with
   * `includeDelayed` also those whose delay is not.
   */
  claim(max: number, includeDelayed?: boolean): readonly OutboxEntry[];
  /** The service has the event. */
  acknowledge(entry: OutboxEntry): void;
  /** Delivery failed for now: the entry can be claimed again after `delayMs` (0 by default). */
  release(entry: OutboxEntry, delayMs?: number): void;
  /** The service refused the event for good: it goes to the dead letters, with the reason. */
  reject(entry: OutboxEntry, reason: string): void;
  /** Entries that are not acknowledged, claimed ones included. */
  depth(): number;
  /** What happened since the start. */
  counters(): OutboxCounters;
  /** `listener` is called when an entry was added, again and again; delivery waits on it. It replaces the one before. */
  onAppend(listener: () => void): void;
  /** `listener` is told of each entry that a bound removes: it will never be delivered. It replaces the one before. */
  onDrop?(listener: (entry: OutboxEntry) => void): void;
  /** See `DiskOutbox`; absent where everything is written at once. */
  whenWritten?(task: () => void): void;
  /** Gives up what this process holds (files, locks). What is durable stays. */
  close(): Promise<void>;
}

/** Counts since the outbox was opened. */
export interface OutboxCounters {
  readonly appended: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** Lost to a bound: queue size, age or disk. */
  readonly dropped: number;
  /** Events recovered from another process that died. */
  readonly recovered: number;
}

/** Whether an id can be an Idempotency-Key (contract 5.1: 1 to 255 printable characters) and stand in JSON as it is. */
export function isSafeId(id: unknown): id is string {
  return typeof id === 'string' && /^[\w.:+/=@-]{1,255}$/.test(id);
}
