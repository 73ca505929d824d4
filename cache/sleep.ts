/** A pause that ends early when its owner stops. */
import type { Runtime } from '../src/runtime.js';

/** Resolves after `delayMs` or, at once, when `signal` aborts. Never rejects, and never holds the process. */
export function sleep(runtime: Pick<Runtime, 'setTimer'>, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = runtime.setTimer(finish, delayMs);
    signal.addEventListener('abort', finish);
  });
}
