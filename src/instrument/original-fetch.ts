/** A `fetch` of ours names the one that it is laid around, so that no request is decided and metered twice. */
import { addressOf, type FetchInput } from './fetch-request.js';

/** Shared by every copy of this package. On our own `fetch`: a function that returns the one inside. */
export const ORIGINAL_FETCH: unique symbol = Symbol.for('fusewire.originalFetch');

/** The `fetch` inside, where `fetch` is one of ours; else `fetch` itself. */
export function originalFetchOf<F>(fetch: F): F {
  if (typeof fetch !== 'function') return fetch;
  const original: unknown = Reflect.get(fetch, ORIGINAL_FETCH);
  return typeof original === 'function' ? (original() as F) : fetch;
}

/** Notes on `ours` which `fetch` it is laid around. */
export function nameOriginalFetch(ours: object, original: () => unknown): void {
  Object.defineProperty(ours, ORIGINAL_FETCH, { value: original, configurable: true });
}

/** Where a request is leaving to at this moment, in this very synchronous run. Shared by every copy of this package. */
const LEAVING = Symbol.for('fusewire.leaving');
type Shared = { [LEAVING]?: FetchInput | undefined };

/**
 * Calls `send`, which hands a decided request to a `fetch` that may lead to one of ours again: where the program put a
 * guarded one in the place of the global one, say. Ours lets a request pass that is leaving already. Only what is called
 * in the same synchronous run is told so, and only of the same address.
 */
export function whileLeaving<T>(input: FetchInput, send: () => T): T {
  const shared = globalThis as Shared;
  const before = shared[LEAVING];
  shared[LEAVING] = input;
  try {
    return send();
  } finally {
    shared[LEAVING] = before;
  }
}

/** Whether somebody of us is handing on a request to the same address right now. */
export function isLeaving(input: FetchInput): boolean {
  const leaving = (globalThis as Shared)[LEAVING];
  return leaving !== undefined && (leaving === input || addressOf(leaving) === addressOf(input));
}
