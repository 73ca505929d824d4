/** The outbox that lives in memory: what is in it is lost with the process. The default. */
import type { Runtime } from '../runtime.js';
import { EntryQueue } from './entry-queue.js';
import type { Outbox } from './outbox.js';
import { createRejectionLog } from './rejection-log.js';

/** Bounds of {@link createMemoryOutbox}. */
export interface MemoryOutboxOptions {
  /** Entries kept, the oldest are dropped first. Default 1000 (`REVENIUM_BUFFER_MAX_SIZE`). */
  readonly capacity?: number;
  /** Default 24 h. */
  readonly maxAgeMs?: number;
  readonly runtime: Runtime;
}

/** `REVENIUM_BUFFER_MAX_SIZE`, contract 1.4. */
export const DEFAULT_CAPACITY = 1000;
/** Age at which an event is dropped, contract 5.2. */
export const DEFAULT_MAX_AGE_MS = 24 * 3_600_000;

/** Creates an outbox in memory. Notes cost nothing: their estimate is never asked for. Rejected events are logged. */
export function createMemoryOutbox(options: MemoryOutboxOptions): Outbox {
  const { runtime, capacity = DEFAULT_CAPACITY, maxAgeMs = DEFAULT_MAX_AGE_MS } = options;
  const queue = new EntryQueue({ capacity, maxAgeMs, runtime });
  const report = createRejectionLog(runtime, 'it is dropped');
  return {
    note() {},
    forget() {},
    append(attemptId, event, isBulk) {
      const entry = { idempotencyKey: queue.keyFor(attemptId), event, createdAtMs: runtime.now() };
      queue.add(entry, isBulk === true ? 'bulk' : 'appended');
    },
    claim: (max, includeDelayed) => queue.claim(max, includeDelayed),
    acknowledge: (entry) => void queue.settle(entry, 'acknowledged'),
    release: (entry, delayMs) => queue.release(entry, delayMs),
    reject(entry, reason) {
      if (queue.settle(entry, 'rejected')) report(entry, reason);
    },
    depth: () => queue.depth(),
    counters: () => queue.counters(),
    onAppend: (listener) => queue.onAppend(listener),
    onDrop: (listener) => queue.onDrop(listener),
    close: () => Promise.resolve(),
  };
}
