/** A `fetch` that knows the requests of every provider: decides on them before they leave, and meters what comes back. */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { admitWithParts, type CallPath } from '../call.js';
import type { WithUsageMetadata } from '../guarded.js';
import type { ChangeableRequest } from '../holds/secure-options.js';
import type { SentRequest } from '../metering-gateways.js';
import type { RequestReading } from '../providers/adapter.js';
import type { FalRequestReading } from '../providers/fal.js';
import { isFalHost } from '../providers/fal-url.js';
import type { GoogleRequestReading } from '../providers/google.js';
import { type ProviderName, providerAt, type RegisteredProvider } from '../providers/registry.js';
import type { Runtime } from '../runtime.js';
import { reasonOf } from './answer-watch.js';
import { anthropicDialect } from './anthropic.js';
import { FalTraffic } from './fal-traffic.js';
import { cannotLeave, type FetchInput, type FetchRequest, readFetchBody, readFetchHead } from './fetch-request.js';
import { GoogleWork } from './google-work.js';
import { endOf, nameAdjustment, TRANSACTION_ID_PROPERTY } from './metered-call.js';
import { openaiDialect } from './openai.js';
import { isLeaving, nameOriginalFetch, originalFetchOf, whileLeaving } from './original-fetch.js';
import { perplexityDialect } from './perplexity.js';
import type { PendingWork, StainlessDialect } from './stainless.js';
import { tapResponse } from './tap-response.js';

/** Options of `guardFetch`. */
export interface GuardFetchOptions {
  /**
   * What becomes of a request to a known provider whose endpoint no adapter knows: it passes, and its event says so, or it
   * is refused while enforcement is on.
   *
   * @defaultValue `'flag'`
   */
  readonly unknownEndpoints?: 'flag' | 'refuse';
  /** What servers of the program's own speak, by `host` or `host:port`: `{ 'models.internal:8000': 'openai' }`. */
  readonly hosts?: Readonly<Record<string, ProviderName>>;
  /** As in `GuardOptions`. */
  readonly injectUsage?: boolean | 'known-hosts';
  /** As in `GuardOptions`, for every server. */
  readonly gateway?: boolean;
}

/** The guarded `fetch`: takes what `fetch` takes, and `usageMetadata` beside it. */
export type GuardedFetch = (input: FetchInput, init?: RequestInit & WithUsageMetadata) => Promise<Response>;
/** Any `fetch` that can be guarded. */
export type AnyFetch = (input: never, init?: never) => Promise<Response>;

/** What a guarded `fetch` is made of. */
export interface GuardedFetchParts {
  readonly path: CallPath;
  readonly runtime: Runtime;
  /** Is told the provider of each request that is recognised. */
  recognised(provider: ProviderName): void;
  /** Sends what comes back to this `fetch` from the one inside: that one is the global one, and this one in its place. */
  readonly beforeUs?: AnyFetch;
}

/** Lays a guarded `fetch` around `inner`. Never throws. */
export function createGuardedFetch(
  inner: AnyFetch,
  parts: GuardedFetchParts,
  options: GuardFetchOptions,
): GuardedFetch {
  const original = originalFetchOf(inner) as GuardedFetch;
  const guarded = new FetchGuard(original, parts, options);
  const send: GuardedFetch = (input, init) => guarded.send(input, init);
  nameOriginalFetch(send, () => original);
  return send;
}

/** The global `fetch` as it is at each call, marked: it may be the guarded one that asks. */
export function leavingThrough(send: AnyFetch): AnyFetch {
  const marked: GuardedFetch = (input, init) => whileLeaving(input, () => (send as GuardedFetch)(input, init));
  return marked as AnyFetch;
}

type AnyDialect = Pick<StainlessDialect<RequestReading>, 'askForUsage' | 'rewrite' | 'parts' | 'endsWithMark'> & {
  createPending?(): AnyPending;
};
type AnyPending = PendingWork<RequestReading> & {
  /** The reading of a question for work, with what is known of that work. */
  withWork?(reading: RequestReading): RequestReading;
};

/** What the clients of a provider do beside sending, and a plain request must do too. */
const DIALECTS: Partial<Record<ProviderName, AnyDialect>> = {
  openai: openaiDialect as unknown as AnyDialect,
  anthropic: anthropicDialect as unknown as AnyDialect,
  perplexity: perplexityDialect as unknown as AnyDialect,
  google: { createPending: googleWork },
};

/** Videos and batches: begun by one request, metered by the one that reads their end. */
function googleWork(): AnyPending {
  const work = new GoogleWork();
  const own = (reading: RequestReading) => reading as GoogleRequestReading;
  return {
    madeFor: (reading) => work.madeFor(own(reading))?.metadata,
    watch: (reading, reader, metadata) => work.watch(own(reading), reader, metadata),
    withWork: (reading) => (reading.kind === 'poll' ? work.withWork(own(reading)) : reading),
  };
}

class FetchGuard {
  /** Called without a `this`, as the program would call it. */
  readonly #send: GuardedFetch;
  readonly #parts: GuardedFetchParts;
  readonly #options: GuardFetchOptions;
  readonly #pending = new Map<ProviderName, AnyPending | undefined>();
  readonly #fal: FalTraffic;
  #warned = false;

  constructor(inner: GuardedFetch, parts: GuardedFetchParts, options: GuardFetchOptions) {
    this.#send = leavingThrough(inner as AnyFetch) as GuardedFetch;
    this.#parts = parts;
    this.#options = options;
    this.#fal = new FalTraffic(parts.path, parts.runtime);
  }

  /** @throws BudgetExceededError when the request is refused; what the `fetch` inside throws. */
  async send(input: FetchInput, init: (RequestInit & WithUsageMetadata) | undefined): Promise<Response> {
    const head = this.#harmless(() => readFetchHead(input, init));
    const again = this.#harmless(() => isLeaving(input)) === true;
    const provider = head === undefined || again ? undefined : this.#harmless(() => this.#providerOf(head.url));
    if (head === undefined || provider === undefined) {
      const beforeUs = again ? (this.#parts.beforeUs as GuardedFetch | undefined) : undefined;
      return (beforeUs ?? this.#send)(head?.input ?? input, head?.init ?? withoutOurs(init));
    }
    const request = await readFetchBody(head, this.#parts.runtime).catch(() => ({ ...head, fields: undefined }));
    const reading = this.#harmless(() => readingOf(provider, request));
    if (reading === undefined || cannotLeave(request)) return this.#send(request.input, request.init);
    this.#parts.recognised(provider.name);
    if (!reading.known && this.#options.unknownEndpoints === 'refuse') {
      this.#parts.path.refuseUnknown(reading, request.metadata);
    }
    if (provider.name === 'fal') return this.#sendToFal(request, reading as FalRequestReading);
    return reading.kind === 'free' ? this.#send(request.input, request.init) : this.#call(provider, request, reading);
  }

  #providerOf(url: string): RegisteredProvider | undefined {
    return URL.canParse(url) ? providerAt(new URL(url), this.#options.hosts) : undefined;
  }

  async #sendToFal(request: FetchRequest, reading: FalRequestReading): Promise<Response> {
    const { metadata, signal, input, init } = request;
    let name: (() => string) | undefined;
    const response = await this.#fal.pass({
      reading,
      metadata,
      signal,
      send: () => this.#send(input, init),
      began: (attempt) => {
        name = () => attempt.transactionId;
      },
    });
    return name === undefined ? response : named(response, name);
  }

  async #call(provider: RegisteredProvider, request: FetchRequest, read: RequestReading): Promise<Response> {
    const { path } = this.#parts;
    const dialect = DIALECTS[provider.name];
    const pending = this.#pendingOf(provider.name);
    const reading = pending?.withWork?.(read) ?? read;
    const admitted = admitWithParts(path, reading, dialect?.parts?.(reading), request.metadata);
    const madeFor = pending?.madeFor(reading);
    const asking = this.#harmless(() => dialect?.askForUsage?.(request.fields, reading, this.#options));
    const isAsking = asking !== undefined && typeof request.init?.body === 'string';
    const secured = path.secure(madeFor === undefined ? admitted : { ...admitted, metadata: madeFor }, () => ({
      signal: request.signal,
      change: changeOf(provider, request, isAsking ? asking : request.fields, reading),
    }));
    const admission = secured instanceof Promise ? await secured : secured;
    const body = admission.body ?? (isAsking ? asking : undefined);
    const init = body === undefined ? request.init : { ...request.init, body: JSON.stringify(body) };
    const attempt = path.begin(admission);
    let response: Response;
    try {
      response = await this.#send(request.input, init);
    } catch (error) {
      const end = endOf(error);
      path.gateways.unanswered(attempt, end, this.#sentAs(request));
      attempt.settle(end, { reason: reasonOf(error) });
      throw error;
    }
    if (isRedirect(response)) {
      // Nothing was computed; whoever follows it sends another request.
      attempt.withdraw();
      return response;
    }
    const reader = provider.adapter.createUsageReader(admission.request);
    const isElsewhere = path.gateways.answered(attempt, response, this.#sentAs(request));
    const watched = isElsewhere ? reader : (pending?.watch(reading, reader, admission.metadata, attempt) ?? reader);
    const rewrite = isAsking ? dialect?.rewrite : undefined;
    const { signal } = request;
    const options = { streaming: reading.streaming, endOf, signal, rewrite, endsWithMark: dialect?.endsWithMark };
    const tapped = tapResponse(response, attempt, watched, options);
    nameAdjustment(tapped, attempt.adjustment);
    return named(tapped, () => attempt.transactionId);
  }

  #sentAs({ url, input, init }: FetchRequest): SentRequest {
    const headers = init?.headers ?? (typeof input === 'object' && 'headers' in input ? input.headers : undefined);
    return { url, headers, isGateway: this.#options.gateway };
  }

  #pendingOf(provider: ProviderName): AnyPending | undefined {
    if (!this.#pending.has(provider)) this.#pending.set(provider, DIALECTS[provider]?.createPending?.());
    return this.#pending.get(provider);
  }

  #harmless<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      if (error instanceof BudgetExceededError) throw error;
      if (!this.#warned) this.#parts.runtime.log.warn(`a request could not be read and passes: ${reasonOf(error)}`);
      this.#warned = true;
      return undefined;
    }
  }
}

/** What a hard budget may change: a body that is JSON text, sent by `init`. */
function changeOf(
  provider: RegisteredProvider,
  request: FetchRequest,
  body: unknown,
  reading: RequestReading,
): ChangeableRequest | undefined {
  if (typeof body !== 'object' || body === null || typeof request.init?.body !== 'string') return undefined;
  return { body, read: (other) => readingOf(provider, { ...request, fields: other }) ?? reading };
}

/** The adapter's reading; of a request that the adapter does not take for its own, one that says so. */
function readingOf(provider: RegisteredProvider, request: FetchRequest): RequestReading | undefined {
  const { method, fields } = request;
  const url = provider.name === 'fal' ? falAddressOf(request.url) : request.url;
  const read = provider.adapter.readRequest({ method, url, body: fields });
  if (read !== undefined) return read;
  if (method !== 'POST') return undefined;
  const name = provider.name.toUpperCase();
  return {
    endpoint: 'unknown',
    known: false,
    provider: name,
    modelSource: name,
    operationType: 'OTHER',
    streaming: false,
    promptText: () => '',
    idsAreUnique: false,
    kind: 'call',
  };
}

/** The address that a server of the program's own stands for: told by `queue` at the beginning of its name. */
function falAddressOf(address: string): string {
  const { hostname, pathname, search } = new URL(address);
  if (isFalHost(hostname)) return address;
  return `https://${hostname.startsWith('queue.') ? 'queue.' : ''}fal.run${pathname}${search}`;
}

function isRedirect(response: Response): boolean {
  return response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400);
}

/** Names the usage event on a response, unseen; where ids are the provider's it is known when the answer was read. */
function named(response: Response, transactionId: () => string): Response {
  Reflect.defineProperty(response, TRANSACTION_ID_PROPERTY, {
    get: transactionId,
    enumerable: false,
    configurable: true,
  });
  return response;
}

function withoutOurs(init: (RequestInit & WithUsageMetadata) | undefined): RequestInit | undefined {
  if (init === undefined || !('usageMetadata' in init)) return init;
  const { usageMetadata: _, ...rest } = init;
  return rest;
}
