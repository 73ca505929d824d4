/** One writer at a time in a folder of the mirror. */
import { setTimeout as wait } from 'node:timers/promises';
import { codeOf } from './mirror-owner.js';

/** A lock that its holder has not touched for this long belongs to a process that died, or sleeps. Milliseconds. */
const STALE_MS = 5_000;
/** Longer than {@link STALE_MS}, so that the lock of a dead process is always outlived in one go. */
const PATIENCE_MS = 7_000;
const RETRY_MS = 100;

/** A lock that is held. */
export interface HeldLock {
  /** Whether another process has taken the lock over meanwhile, because this one slept. */
  isLost(): boolean;
  /** Gives it back. Never rejects. */
  release(): Promise<void>;
}

/**
 * Takes the lock beside `path` (which need not exist). Resolves to `undefined` when it stays taken, or when `signal`
 * aborts; rejects where the folder cannot be written.
 *
 * The lock keeps writers from undoing each other's work; it does not keep files whole. That is done by renaming, also
 * when two processes take over the lock of a dead one at the same time.
 *
 * The waits are real time, not the injected clock: the age of a lock is its file's real age.
 */
export async function takeLock(path: string, signal: AbortSignal): Promise<HeldLock | undefined> {
  // Loaded here, and not with the SDK: it puts hooks on the exit of the process, which only a mirror is reason for.
  const { lock } = (await import('proper-lockfile')).default;
  let isLost = false;
  for (let waitedMs = 0; waitedMs <= PATIENCE_MS; waitedMs += RETRY_MS) {
    try {
      const release = await lock(path, {
        realpath: false,
        stale: STALE_MS,
        // Its default throws from a timer and ends the user's process.
        onCompromised: () => {
          isLost = true;
        },
      });
      return { isLost: () => isLost, release: () => release().catch(() => undefined) };
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw error;
    }
    // Tried once even so: rules that are in force when the instance closes are what the next process starts from.
    if (signal.aborted) return undefined;
    await wait(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return undefined;
}
