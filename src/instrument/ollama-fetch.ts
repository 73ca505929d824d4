/** The ollama client's `fetch`: where each HTTP request of the client is seen leaving, and its answer's head arriving. */
import type { CallPath } from '../call.js';
import type { MeteredCall } from './metered-call.js';
import { fetchRaw } from './ollama-raw-fetch.js';
import { nameOriginalFetch, originalFetchOf, whileLeaving } from './original-fetch.js';

/** How a request finds the call that it belongs to. One per client; see `announceWhenSerialised`. */
export interface OllamaCorrelation {
  /** The call whose request was serialised in this very synchronous run. */
  leaving: MeteredCall | undefined;
  /** Calls under way, oldest first. A subclass that rebuilds the request loses the link; then the oldest takes it. */
  readonly unsent: Set<MeteredCall>;
}

/** The shape of `fetch` as the client uses it. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/**
 * Puts our `fetch` around the client's. An accessor, so that a `fetch` which the program sets later is wrapped as well.
 * `isGateway`: what the program says of the client's server.
 */
export function installFetch(
  client: object,
  path: CallPath,
  correlation: OllamaCorrelation,
  isGateway: boolean | undefined,
): void {
  let inner = originalFetchOf(Reflect.get(client, 'fetch') as Fetch);
  let watched = watchFetch(inner, path, correlation, isGateway);
  Reflect.defineProperty(client, 'fetch', {
    get: () => watched,
    set: (value: Fetch) => {
      if (value === watched) return;
      inner = originalFetchOf(value);
      watched = typeof inner === 'function' ? watchFetch(inner, path, correlation, isGateway) : inner;
    },
    enumerable: true,
    configurable: true,
  });
}

function watchFetch(
  inner: Fetch,
  path: CallPath,
  correlation: OllamaCorrelation,
  isGateway: boolean | undefined,
): Fetch {
  const watched: Fetch = async (url, init) => {
    const call = takeCall(correlation, url);
    if (call === undefined) return fetchRaw(inner, url, init, path, isGateway);
    const again = call.again(init?.signal ?? undefined);
    if (again !== undefined) await again;
    call.sent({ url: String(url), headers: init?.headers, isGateway });
    // `abort()` on the stream or the client; also where nobody reads at that moment.
    init?.signal?.addEventListener('abort', () => call.left(), { once: true });
    const response = await whileLeaving(url, () => inner(url, init));
    call.answered(response);
    return response;
  };
  nameOriginalFetch(watched, () => inner);
  return watched;
}

function takeCall(correlation: OllamaCorrelation, url: string): MeteredCall | undefined {
  const { leaving, unsent } = correlation;
  correlation.leaving = undefined;
  if (leaving !== undefined && isFor(leaving, url)) return leaving;
  for (const call of unsent) {
    if (!call.wasSent && isFor(call, url)) return call;
  }
  return undefined;
}

/** `api.chat` is the endpoint of `…/api/chat`. */
function isFor(call: MeteredCall, url: string): boolean {
  return String(url).endsWith(`/${call.endpoint.replace('.', '/')}`);
}
