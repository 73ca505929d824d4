/** Events that the service refused for good, kept for people: JSON lines, private, bounded, without live keys (I12). */
import { appendFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '../runtime.js';
import { credentialValueOf, withCredentialValue } from './credential-seal.js';
import type { OutboxEntry } from './outbox.js';
import { createRejectionLog } from './rejection-log.js';

/** The file's name in the owner's folder; the one before it ends in `.1`. {@link readDeadLetters} reads them. */
export const DEAD_LETTERS_FILE = 'dead-letters.jsonl';

/** Writes one line per refused event. Never throws. */
export interface DeadLetters {
  /** Returns whether it is there now. */
  add(entry: OutboxEntry, reason: string): boolean;
}

/** Opens the dead letters of a folder. Two files of `maxBytes` each at most: a full one replaces its predecessor. */
export function createDeadLetters(folder: string, maxBytes: number, runtime: Runtime): DeadLetters {
  const path = join(folder, DEAD_LETTERS_FILE);
  const { log } = runtime;
  const report = createRejectionLog(runtime, `it was put to ${path}`);
  let isFullReported = false;
  // A line that was not written whole: the next one begins anew.
  let isTorn = false;
  return {
    add(entry, reason) {
      const { transactionId } = entry.event;
      report(entry, reason);
      try {
        if (sizeOf(path) >= maxBytes) {
          renameSync(path, `${path}.1`);
          if (!isFullReported) log.warn('the dead letters are full; the older half is dropped', { file: path });
          isFullReported = true;
        }
        const at = new Date(runtime.now()).toISOString();
        const event = withCredentialValue(entry.event, maskCredential(credentialValueOf(entry.event)));
        const { idempotencyKey, createdAtMs } = entry;
        const letter = { at, reason, idempotencyKey, createdAtMs, event };
        // One append of one line: whole, also where several processes write.
        appendFileSync(path, `${isTorn ? '\n' : ''}${JSON.stringify(letter)}\n`, { mode: 0o600 });
        isTorn = false;
        return true;
      } catch (error) {
        isTorn = true;
        log.error('a dead letter could not be written', { transactionId, error: String(error) });
        return false;
      }
    },
  };
}

/** The last four characters of a credential long enough to spare them. */
function maskCredential(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  return value.length >= 12 ? `***${value.slice(-4)}` : '***';
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
