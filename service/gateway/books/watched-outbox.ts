/** An outbox whose events count from the moment at which they are kept. */
import type { DiskOutbox, MeteredEvent, Outbox, OutboxEntry } from 'fusewire/internal';

/** Hands everything on to `inner`. `count` is told of every event, and returns its JSON where it has written it. */
export function watchOutbox(inner: DiskOutbox, count: (event: MeteredEvent) => string | undefined): Outbox {
  return {
    note: (attemptId, estimate, replaces) => inner.note(attemptId, estimate, replaces),
    forget: (attemptId) => inner.forget(attemptId),
    append(attemptId, event, isBulk) {
      inner.append(attemptId, event, isBulk, count(event));
    },
    claim: (max, includeDelayed) => inner.claim(max, includeDelayed),
    acknowledge: (entry: OutboxEntry) => inner.acknowledge(entry),
    release: (entry: OutboxEntry, delayMs) => inner.release(entry, delayMs),
    reject: (entry: OutboxEntry, reason: string) => inner.reject(entry, reason),
    depth: () => inner.depth(),
    counters: () => inner.counters(),
    whenWritten: (task) => inner.whenWritten(task),
    onAppend: (listener) => inner.onAppend(listener),
    onDrop: (listener) => inner.onDrop(listener),
    close: () => inner.close(),
  };
}
