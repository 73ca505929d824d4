/** An outbox that tells of every event the moment it is kept: from then on it counts. */
import type { DiskOutbox, MeteredEvent, Outbox, OutboxEntry } from 'fusewire/internal';

/** Hands everything on to `inner`, and calls `appended` after an event is there. */
export function watchOutbox(inner: DiskOutbox, appended: (event: MeteredEvent) => void): Outbox {
  return {
    note: (attemptId, estimate, replaces) => inner.note(attemptId, estimate, replaces),
    forget: (attemptId) => inner.forget(attemptId),
    append(attemptId, event, isBulk) {
      inner.append(attemptId, event, isBulk);
      appended(event);
    },
    claim: (max, includeDelayed) => inner.claim(max, includeDelayed),
    acknowledge: (entry: OutboxEntry) => inner.acknowledge(entry),
    release: (entry: OutboxEntry, delayMs) => inner.release(entry, delayMs),
    reject: (entry: OutboxEntry, reason: string) => inner.reject(entry, reason),
    depth: () => inner.depth(),
    counters: () => inner.counters(),
    whenWritten: (task) => inner.whenWritten(task),
    onAppend: (listener) => inner.onAppend(listener),
    close: () => inner.close(),
  };
}
