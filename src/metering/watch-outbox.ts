/** Tells whoever waits for it what becomes of each event: the ledger has it, or never will. */
import type { Outbox, OutboxEntry } from './outbox.js';

/** Is told by Idempotency-Key. None of its methods may throw. */
export interface OutboxWatch {
  acknowledged(eventKeys: Iterable<string>): void;
  lost(eventKeys: Iterable<string>): void;
}

/** The same outbox, watched. An event that a bound drops is lost too. */
export function watchOutbox(outbox: Outbox, watch: OutboxWatch): Outbox {
  const whenWritten = outbox.whenWritten?.bind(outbox);
  outbox.onDrop?.((entry) => watch.lost([entry.idempotencyKey]));
  return {
    note: (attemptId, estimate, replaces) => outbox.note(attemptId, estimate, replaces),
    forget: (attemptId) => outbox.forget(attemptId),
    append: (attemptId, event, isBulk) => outbox.append(attemptId, event, isBulk),
    claim: (max, includeDelayed) => outbox.claim(max, includeDelayed),
    acknowledge(entry: OutboxEntry) {
      outbox.acknowledge(entry);
      watch.acknowledged([entry.idempotencyKey]);
    },
    release: (entry, delayMs) => outbox.release(entry, delayMs),
    reject(entry, reason) {
      outbox.reject(entry, reason);
      watch.lost([entry.idempotencyKey]);
    },
    depth: () => outbox.depth(),
    counters: () => outbox.counters(),
    onAppend: (listener) => outbox.onAppend(listener),
    ...(whenWritten === undefined ? {} : { whenWritten }),
    close: () => outbox.close(),
  };
}
