/** Callers that make calls at the same time, and try a refused one again for a while, as programs do. */

/** What is asked for. */
export interface LoadSettings {
  /** The number of the first call; those of this load follow. */
  readonly first: number;
  readonly calls: number;
  readonly callers: number;
  /** A refused call is tried again for so long; then its caller gives up, and makes no other. */
  readonly retryMs: number;
}

/** What one try came to. */
export type Tried = 'answered' | 'refused' | 'failed';

/** What became of the calls, by their numbers. */
export interface LoadResult {
  readonly answered: readonly number[];
  readonly refused: readonly number[];
  readonly failed: readonly number[];
}

const PAUSE_MS = 25;

/** Makes the calls. */
export async function runLoad(
  settings: LoadSettings,
  attempt: (number: number) => Promise<Tried>,
): Promise<LoadResult> {
  const { first, calls, callers, retryMs } = settings;
  const result = { answered: [] as number[], refused: [] as number[], failed: [] as number[] };
  let next = first;
  const caller = async (): Promise<void> => {
    while (next < first + calls) {
      const number = next;
      next += 1;
      const tried = await tryFor(retryMs, () => attempt(number));
      result[tried].push(number);
      if (tried === 'refused') return;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  // Calls that nobody made any more: their callers had given up.
  for (; next < first + calls; next += 1) result.refused.push(next);
  return result;
}

async function tryFor(retryMs: number, attempt: () => Promise<Tried>): Promise<Tried> {
  const untilMs = performance.now() + retryMs;
  for (;;) {
    const tried = await attempt();
    if (tried !== 'refused' || performance.now() >= untilMs) return tried;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
