/** A `fetch` of ours names the one that it is laid around, so that no request is decided and metered twice. */

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
