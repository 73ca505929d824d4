import type { Runtime } from '../src/runtime.js';

/** How long a slice runs before other work gets its turn, milliseconds. A garbage collection of some 5 ms can come on top. */
const SLICE_BUDGET_MS = 1;

/**
 * Runs steps to their end without holding the event loop: after `budgetMs` of them (1 by default) everything else that
 * waits gets its turn. Resolves to the generator's result, rejects with what it throws. What is under way keeps the
 * process alive, for at most the time that it takes.
 */
export async function runInSlices<T>(
  steps: Generator<void, T>,
  runtime: Pick<Runtime, 'monotonicNow'>,
  budgetMs = SLICE_BUDGET_MS,
): Promise<T> {
  for (;;) {
    const endMs = runtime.monotonicNow() + budgetMs;
    do {
      const step = steps.next();
      if (step.done) return step.value;
    } while (runtime.monotonicNow() < endMs);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
