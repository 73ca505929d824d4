/** Holds of work that goes on after the answer (background responses), until the request that reads its end is metered. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { Runtime, Timer } from '../runtime.js';
import type { CallHold } from './call-hold.js';

/** Keeps the hold of a background response until the request that reads its end is metered. */
export interface HoldShelf {
  put(metadata: ResolvedMetadata, hold: CallHold): void;
  /** The hold of the work that was asked for with this metadata, the very object; once. */
  take(metadata: ResolvedMetadata): CallHold | undefined;
}

/** Providers keep such work for hours; after a day nobody reads it here any more, and it has no event. */
const KEPT_MS = 24 * 3_600_000;
/** The oldest goes first (I10). */
const KEPT_MAX = 10_000;

/** One for an instance. */
export function createHoldShelf(runtime: Pick<Runtime, 'setTimer'>): HoldShelf & { close(): void } {
  const kept = new Map<ResolvedMetadata, { readonly hold: CallHold; readonly timer: Timer }>();
  const drop = (metadata: ResolvedMetadata) => {
    const found = kept.get(metadata);
    found?.timer.cancel();
    kept.delete(metadata);
    return found?.hold;
  };
  return {
    put(metadata, hold) {
      drop(metadata)?.release();
      kept.set(metadata, { hold, timer: runtime.setTimer(() => drop(metadata)?.release(), KEPT_MS) });
      if (kept.size > KEPT_MAX) drop(kept.keys().next().value as ResolvedMetadata)?.release();
    },
    take: drop,
    // What still goes on stays set aside: its owner ends, and the service decides by the control's own rule.
    close() {
      for (const metadata of [...kept.keys()]) drop(metadata);
    },
  };
}
