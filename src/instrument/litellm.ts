/**
 * Calls that go through a LiteLLM proxy, whichever client makes them: who they are for goes out as headers, what they
 * cost comes back with the answer (contract 6.4). One layer for each client that the instrument guards.
 */
import { readVariable } from '../config-variables.js';
import type { GuardOptions } from '../guard-client.js';
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { RequestReading, UsageReader } from '../providers/adapter.js';
import { CALL_ID_HEADER, metadataHeaders, TRANSACTION_HEADER } from '../providers/litellm-headers.js';
import { isToLitellm, LitellmReader, throughLitellm } from '../providers/litellm-reader.js';
import type { Runtime } from '../runtime.js';

/** What the layer needs of its surroundings; without an environment only the option and the answers tell. */
export type LitellmRuntime = Pick<Runtime, 'log'> & Partial<Pick<Runtime, 'env'>>;

/** Headers by which the proxy knows a caller. */
const CREDENTIALS = ['x-api-key', 'api-key', 'x-litellm-api-key', 'x-goog-api-key'];
const OFF = new Set(['false', '0', 'no', 'off']);

/** What this layer wrote into a request's headers: sent again, they are another attempt's. */
const WRITTEN = Symbol('fusewire.litellmId');

/** The layer of one client. No method throws. */
export class LitellmLayer {
  readonly #always: boolean;
  readonly #origin: string | undefined;
  readonly #apiKey: string | undefined;
  readonly #sharesId: boolean;
  readonly #log: Pick<Runtime, 'log'>['log'];
  readonly #leftOut = new Set<string>();

  constructor({ litellm }: GuardOptions, { log, env = {} }: LitellmRuntime) {
    this.#log = log;
    this.#always = litellm === true;
    this.#origin = litellm === false ? undefined : originOf(readVariable(env, 'LITELLM_PROXY_URL'), log);
    this.#apiKey = readVariable(env, 'LITELLM_API_KEY');
    const shared = readVariable(env, 'REVENIUM_LITELLM_SHARED_CALL_ID');
    this.#sharesId = shared === undefined || !OFF.has(shared.trim().toLowerCase());
  }

  /** Whether somebody said that a LiteLLM proxy answers at `url`: the option, or `LITELLM_PROXY_URL` of the same origin. */
  isProxy(url: string): boolean {
    if (this.#always) return true;
    const origin = this.#origin;
    return origin !== undefined && url.startsWith(origin) && /^([/?#]|$)/.test(url.slice(origin.length));
  }

  /** The reading of a request, with the upstream's names where it goes to the proxy. */
  read<R extends RequestReading>(request: R, url: string): R {
    return this.isProxy(url) ? throughLitellm(request) : request;
  }

  /**
   * `LITELLM_API_KEY`, where the caller sends nothing by which the proxy could know him. Only to the address that the
   * client is made for: a request to another one is not the proxy's, whatever the option says.
   */
  authorise(url: string, headers: unknown, baseUrl: unknown): void {
    if (this.#apiKey === undefined || !this.isProxy(url) || !isHeaders(headers)) return;
    if (!isSameOrigin(url, baseUrl)) return;
    const given = headers.get('authorization')?.trim() ?? '';
    if (given !== '' && !/^bearer$/i.test(given)) return;
    if (CREDENTIALS.some((name) => headers.has(name))) return;
    try {
      headers.set('authorization', `Bearer ${this.#apiKey}`);
    } catch {
      // A key that no header can carry.
    }
  }

  /** Who the attempt is for, and its id, as headers; never over those that the caller set. */
  describe(request: RequestReading, headers: unknown, attemptId: string, { fields }: ResolvedMetadata): void {
    if (!isToLitellm(request) || !isHeaders(headers)) return;
    const { headers: wanted, leftOut } = metadataHeaders(fields);
    for (const [name, value] of wanted) this.#set(headers, name, value);
    for (const field of leftOut) this.#sayLeftOut(field);
    if (this.#sharesId && request.kind === 'call') this.#share(headers, attemptId);
  }

  /** The reader of the answer; whether it came through a proxy that nobody named, its head tells. */
  watch(reader: UsageReader, request: RequestReading, headers: unknown): UsageReader {
    // A call id of the caller's own may come with any number of calls.
    const isCallers =
      isHeaders(headers) && headers.has(CALL_ID_HEADER) && headers.get(CALL_ID_HEADER) !== writtenOf(headers);
    return new LitellmReader(reader, request, this.#sharesId && !isCallers && request.kind === 'call');
  }

  #share(headers: Headers, attemptId: string): void {
    const earlier = writtenOf(headers);
    for (const name of [TRANSACTION_HEADER, CALL_ID_HEADER]) {
      if (headers.get(name) === earlier) headers.delete(name);
      this.#set(headers, name, attemptId);
    }
    Reflect.defineProperty(headers, WRITTEN, { value: attemptId, writable: true, configurable: true });
  }

  #set(headers: Headers, name: string, value: string): void {
    try {
      if (!headers.has(name)) headers.set(name, value);
    } catch {
      this.#sayLeftOut(name);
    }
  }

  #sayLeftOut(field: string): void {
    if (this.#leftOut.has(field)) return;
    this.#leftOut.add(field);
    this.#log.warn(`LiteLLM: the value of ${field} cannot be carried by a header; the proxy is not told`);
  }
}

function isSameOrigin(url: string, baseUrl: unknown): boolean {
  return URL.canParse(url) && URL.canParse(String(baseUrl)) && new URL(url).origin === new URL(String(baseUrl)).origin;
}

function writtenOf(headers: Headers): string | null {
  return (Reflect.get(headers, WRITTEN) as string | undefined) ?? null;
}

function isHeaders(value: unknown): value is Headers {
  if (typeof value !== 'object' || value === null) return false;
  return ['get', 'has', 'set', 'delete'].every((name) => typeof Reflect.get(value, name) === 'function');
}

function originOf(text: string | undefined, log: Pick<Runtime, 'log'>['log']): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { origin, protocol } = new URL(text.trim());
    if (/^https?:$/.test(protocol)) return origin;
  } catch {
    // Reported below.
  }
  log.warn('LITELLM_PROXY_URL is no http or https URL; it is ignored');
  return undefined;
}

/** For `isInitialized('litellm')`: whether calls of `client` go to a LiteLLM proxy. */
export function isLitellmClient(client: object, options: GuardOptions, runtime: LitellmRuntime): boolean {
  const baseUrl: unknown = Reflect.get(client, 'baseURL');
  // What is wrong with the variable is said by the layer that the client gets.
  const log = { ...runtime.log, warn: () => undefined };
  return typeof baseUrl === 'string' && new LitellmLayer(options, { ...runtime, log }).isProxy(baseUrl);
}
