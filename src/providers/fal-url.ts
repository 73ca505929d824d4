/** What the address of a request to fal.ai says: which endpoint, and what is wanted of it. */

/** What a request wants. */
export interface FalTarget {
  /** `call` runs an endpoint; `submit` puts a request for it into the queue; the others are about a queued one. */
  readonly kind: 'call' | 'submit' | 'result' | 'status' | 'cancel' | 'free' | 'unknown';
  /** As given, with owner and path: `fal-ai/flux/schnell`. Of a queued request fal's addresses name owner and app only. */
  readonly endpointId: string;
  /** The queued request that is asked about. */
  readonly requestId?: string;
  /** The path ends in `/stream`. */
  readonly streams: boolean;
  /** Whoever is told of the end is not who asked. */
  readonly webhook: boolean;
}

/** The header in which the client names the real address where it sends through a proxy. */
export const FAL_TARGET_HEADER = 'x-fal-target-url';

/** Namespaces that stand before owner and app. */
const NAMESPACES = new Set(['workflows', 'comfy']);
/** Storage, tokens, prices, keys: nothing there computes. */
const FREE_HOSTS = /^(?:rest|rest\.alpha|api|storage)\.fal\.ai$/;
const RUN_HOSTS = /^(?:[\w.-]+\.)?fal\.run$|^(?:[\w-]+\.)?gateway\.(?:[\w-]+\.)?fal\.ai$/;

/** Whether a host is fal's own API; files that it made lie on `fal.media`, which is not. */
export function isFalHost(host: string): boolean {
  return RUN_HOSTS.test(host) || host === 'fal.ai' || host.endsWith('.fal.ai');
}

/** Reads method and URL, or `undefined` where the host is not fal's. Never throws. */
export function readFalUrl(method: string, url: string): FalTarget | undefined {
  const address = parsedUrl(url);
  if (address === undefined || !isFalHost(address.hostname)) return undefined;
  const parts = address.pathname.split('/').filter((part) => part !== '');
  const plain = { endpointId: parts.join('/'), streams: false, webhook: false };
  if (FREE_HOSTS.test(address.hostname)) return { ...plain, kind: 'free' };
  if (!RUN_HOSTS.test(address.hostname)) return { ...plain, kind: method === 'GET' ? 'free' : 'unknown' };
  if (parts.length === 0) return { ...plain, kind: 'free' };
  const streams = parts.at(-1) === 'stream';
  const endpointId = (streams ? parts.slice(0, -1) : parts).join('/');
  if (!address.hostname.startsWith('queue.')) return { ...plain, kind: 'call', endpointId, streams };
  const queued = readQueued(method, parts);
  if (queued !== undefined) return { ...plain, ...queued };
  // Whatever else is read there is about the queue; a submission may use any other method.
  if (method === 'GET' && parts.length < 2) return { ...plain, kind: 'free' };
  return { ...plain, kind: 'submit', endpointId, webhook: address.searchParams.has('fal_webhook') };
}

/** `owner/app/requests/ID`, with what is asked of it behind; a namespace may stand before. */
function readQueued(
  method: string,
  parts: readonly string[],
): Pick<FalTarget, 'kind' | 'endpointId' | 'requestId'> | undefined {
  const at = NAMESPACES.has(parts[0] ?? '') ? 3 : 2;
  const requestId = parts[at + 1];
  if (parts[at] !== 'requests' || requestId === undefined) return undefined;
  const about = { endpointId: parts.slice(0, at).join('/'), requestId };
  const what = parts[at + 2];
  if (what === undefined || what === 'response') return { ...about, kind: method === 'GET' ? 'result' : 'free' };
  if (what === 'cancel') return { ...about, kind: 'cancel' };
  return { ...about, kind: 'status' };
}

/** The address that the client runs an endpoint at: as its own `buildUrl` makes it, without query. */
export function falUrlOf(endpointId: string, options: { readonly subdomain?: string; readonly path?: string }): string {
  const path = options.path ?? '';
  if (/^https?:\/\//.test(endpointId)) return `${endpointId.replace(/\/$/, '')}${path}`;
  // An old form: `110602490-sdxl` stands for `110602490/sdxl`.
  const id = /^\d+-[\w-]+$/.test(endpointId) ? endpointId.replace('-', '/') : endpointId;
  const host = options.subdomain === undefined ? 'fal.run' : `${options.subdomain}.fal.run`;
  return `https://${host}/${id}${path}`;
}

function parsedUrl(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
