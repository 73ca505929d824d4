/**
 * The instrument of fal's client: own methods over those of the client and of its queue, and our `fetch` in its
 * configuration. A call is decided in its method, before an input is uploaded or a request is queued, and it is seen
 * leaving, with its answer and the answer's headers, in `fetch`; what comes past the methods is decided there. Both
 * hand a refusal to the caller as it is, unretried.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { CallPath } from '../call.js';
import { type FalRequestReading, readFalRequest } from '../providers/fal.js';
import { FAL_TARGET_HEADER } from '../providers/fal-url.js';
import type { Runtime } from '../runtime.js';
import { reasonOf } from './answer-watch.js';
import type { ClientInstrument } from './client-instrument.js';
import { FalCall, type FalScope, readingOfCall, splitOptions } from './fal-call.js';
import {
  configOf,
  type FalClient,
  type FalFetch,
  type FalMethod,
  type FalOptions,
  isFalClient,
  layOver,
} from './fal-client.js';
import { guardRealtime } from './fal-realtime.js';
import { watchFalStream } from './fal-stream.js';
import { FalTraffic } from './fal-traffic.js';
import type { FetchInput } from './fetch-request.js';
import { isGuarded, markGuarded } from './guarded-mark.js';
import { endOf } from './metered-call.js';
import { nameOriginalFetch, originalFetchOf, whileLeaving } from './original-fetch.js';
import { splitBody } from './stainless-request.js';

/** Guards and meters a client of fal, in place, and returns it. Twice is harmless. Never throws. */
export function instrumentFal<T extends object>(client: T, path: CallPath, runtime: Runtime): T {
  if (isGuarded(client)) return client;
  if (!markGuarded(client)) {
    runtime.log.error('a client of @fal-ai/client is frozen and cannot be guarded');
    return client;
  }
  new FalInstrument(client as unknown as FalClient, path, runtime).lay();
  return client;
}

class FalInstrument {
  readonly #client: FalClient;
  readonly #path: CallPath;
  readonly #runtime: Runtime;
  readonly #traffic: FalTraffic;
  /** Which call a request belongs to: the client hands on nothing by which it could be told. */
  readonly #scopes = new AsyncLocalStorage<FalScope>();
  /** Resolves when our `fetch` is in the client's configuration. */
  #ready: Promise<void> = Promise.resolve();
  #warned = false;

  constructor(client: FalClient, path: CallPath, runtime: Runtime) {
    this.#client = client;
    this.#path = path;
    this.#runtime = runtime;
    this.#traffic = new FalTraffic(path, runtime);
  }

  lay(): void {
    const client = this.#client;
    const { run, subscribe, stream, config } = client;
    layOver(client, 'run', (id: string, options?: FalOptions) => this.#run(id, options, run));
    layOver(client, 'stream', (id: string, options?: FalOptions) => this.#stream(id, options, stream, client));
    layOver(client, 'subscribe', (id: string, options?: FalOptions) => this.#subscribe(id, options, subscribe));
    this.#layParts();
    if (typeof config !== 'function') return;
    // The singleton is another client after that.
    layOver(client, 'config', (configuration: unknown) => {
      config.call(client, configuration);
      this.#layParts();
    });
  }

  #layParts(): void {
    const { queue, streaming, realtime } = this.#client;
    const { submit, result } = queue as Record<'submit' | 'result', FalMethod>;
    const { stream } = streaming as Record<'stream', FalMethod>;
    layOver(queue, 'submit', (id: string, options?: FalOptions) => this.#submit(id, options, submit, queue));
    layOver(queue, 'result', (id: string, options?: FalOptions) => this.#result(id, options, result, queue));
    layOver(streaming, 'stream', (id: string, options?: FalOptions) => this.#stream(id, options, stream, streaming));
    guardRealtime(realtime, this.#path);
    this.#ready = this.#reach(stream, streaming);
  }

  async #reach(stream: FalMethod, streaming: object): Promise<void> {
    try {
      const config = await configOf(stream, streaming);
      if (config !== undefined) this.#layFetch(config);
      else this.#warnOnce('this version of @fal-ai/client hides how it sends: calls are metered from what they return');
    } catch (error) {
      this.#warnOnce(`the fetch of a client of @fal-ai/client cannot be watched: ${reasonOf(error)}`);
    }
  }

  #layFetch(config: { fetch: FalFetch }): void {
    const inner = originalFetchOf(config.fetch);
    const send: FalFetch = (input, init) => this.#send(inner, input, init);
    nameOriginalFetch(send, () => inner);
    config.fetch = send;
  }

  async #run(id: string, options: FalOptions | undefined, run: FalMethod): Promise<unknown> {
    const call = await this.#admit('run', id, options);
    await this.#ready;
    return this.#follow(
      call,
      () => run.call(this.#client, id, call.options),
      (value, attempted) => {
        attempted.whole(value);
      },
    );
  }

  async #stream(id: string, options: FalOptions | undefined, stream: FalMethod, self: object): Promise<unknown> {
    const call = await this.#admit('stream', id, options);
    await this.#ready;
    const scope: FalScope = { call, metadata: call.metadata };
    const opened = await this.#scopes
      .run(scope, () => stream.call(self, id, call.options))
      .catch((error: unknown) => {
        call.unsent();
        throw error;
      });
    this.#harmless(() => watchFalStream(opened, call));
    return opened;
  }

  async #subscribe(id: string, options: FalOptions | undefined, subscribe: FalMethod): Promise<unknown> {
    // The submission inside is decided before anything leaves.
    const { options: clean, metadata } = splitOptions(options);
    const scope: FalScope = { metadata, endpointId: id };
    try {
      return await this.#scopes.run(scope, () => subscribe.call(this.#client, id, clean));
    } catch (error) {
      if (scope.requestId !== undefined) this.#leave(scope.requestId, error);
      throw error;
    }
  }

  async #submit(id: string, options: FalOptions | undefined, submit: FalMethod, self: object): Promise<unknown> {
    const outer = this.#subscriptionTo(id);
    const call = await this.#admit('submit', id, options, outer?.metadata);
    await this.#ready;
    return this.#follow(
      call,
      () => submit.call(self, id, call.options),
      (value, attempted) => {
        const requestId: unknown = Reflect.get(Object(value), 'request_id');
        if (typeof requestId !== 'string') attempted.whole(value);
        else this.#traffic.queue.queued(requestId, attempted.begin(), call.reading as FalRequestReading);
      },
      outer,
    );
  }

  async #result(id: string, options: FalOptions | undefined, result: FalMethod, self: object): Promise<unknown> {
    await this.#ready;
    const { options: clean, metadata } = splitOptions(options);
    const scope: FalScope = { metadata: metadata ?? this.#subscriptionTo(id)?.metadata, endpointId: id };
    const value = await this.#scopes.run(scope, () => result.call(self, id, clean));
    this.#harmless(() => {
      const requestId = clean?.requestId;
      if (requestId !== undefined) this.#traffic.queue.answered(requestId, Reflect.get(Object(value), 'data'), value);
    });
    return value;
  }

  /** The subscription that this is a part of. What the program does in its callbacks is not. */
  #subscriptionTo(id: string): FalScope | undefined {
    const scope = this.#scopes.getStore();
    return scope?.call === undefined && scope?.endpointId === id ? scope : undefined;
  }

  /** Stations 1 and 2, before anything is uploaded. Throws a refusal and nothing else. */
  async #admit(
    method: FalCall['method'],
    id: string,
    given: FalOptions | undefined,
    inherited?: unknown,
  ): Promise<FalCall> {
    const { options, metadata: own } = splitOptions(given);
    const metadata = own ?? inherited;
    const reading = this.#harmless(() => readingOfCall(method, id, options));
    const admitted = reading === undefined ? undefined : this.#harmless(() => this.#path.admit(reading, metadata));
    const admission = admitted === undefined ? undefined : await this.#path.secure(admitted);
    return new FalCall(this.#path, method, options, metadata, reading, admission);
  }

  /** Runs a call in its scope. One whose request was not seen leaving is metered from what it returned. */
  async #follow(
    call: FalCall,
    task: () => Promise<unknown>,
    late: (value: unknown, call: FalCall) => void,
    outer?: FalScope,
  ): Promise<unknown> {
    const scope: FalScope = { call, metadata: call.metadata, ...(outer === undefined ? {} : { outer }) };
    const value = await this.#scopes.run(scope, task).finally(() => call.unsent());
    this.#harmless(() => {
      if (!call.wasSent) late(value, call);
      call.expose(value);
    });
    return value;
  }

  /** Whoever subscribed got an error: nobody is there any more to read the result. */
  #leave(requestId: string, error: unknown): void {
    const status: unknown = Reflect.get(Object(error), 'status');
    const failure = typeof status === 'number' ? { status, reason: reasonOf(error) } : { reason: reasonOf(error) };
    this.#traffic.queue.end(requestId, endOf(error), failure);
  }

  /** Every request of the client. Throws a refusal, and what the client's own `fetch` throws. */
  async #send(inner: FalFetch, input: unknown, init: RequestInit | undefined): Promise<Response> {
    const scope = this.#scopes.getStore();
    const read = this.#harmless(() => readRequest(input, init, scope));
    if (read === undefined) return inner(input, init);
    const sent = read.body === init?.body ? init : ({ ...init, body: read.body } as RequestInit);
    const call = scope?.call?.isFor(read.reading) === true ? scope.call : undefined;
    return this.#traffic.pass({
      reading: call?.reading ?? read.reading,
      metadata: call?.metadata ?? read.metadata ?? scope?.metadata,
      admission: call?.takeAdmission(),
      signal: init?.signal ?? undefined,
      send: () => whileLeaving(input as FetchInput, () => inner(input, sent)),
      began: (attempt) => call?.began(attempt),
      queued: (requestId) => {
        if (scope?.outer !== undefined) scope.outer.requestId = requestId;
        else if (scope !== undefined) scope.requestId = requestId;
      },
    });
  }

  #harmless<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      if (error instanceof BudgetExceededError) throw error;
      this.#warnOnce(`a request to fal could not be read and passes as it is: ${reasonOf(error)}`);
      return undefined;
    }
  }

  #warnOnce(message: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#runtime.log.warn(message);
  }
}

/** What leaves, as far as it goes to fal; behind a proxy, a header names where it goes. */
function readRequest(input: unknown, init: RequestInit | undefined, scope: FalScope | undefined) {
  const url = new Headers(init?.headers).get(FAL_TARGET_HEADER) ?? String(input);
  const { body, fields, metadata } = splitBody(init?.body);
  const request = { method: (init?.method ?? 'GET').toUpperCase(), url, body: fields };
  const reading = readFalRequest(request) ?? scope?.call?.readingAt(url);
  if (reading === undefined) return undefined;
  // Of a queued request the address tells owner and app only.
  const { endpointId } = scope ?? {};
  const isMore = endpointId !== undefined && reading.kind === 'poll' && endpointId.startsWith(`${reading.model}/`);
  return { reading: isMore ? { ...reading, model: endpointId } : reading, body, metadata };
}

/** See {@link ClientInstrument}. */
export const falInstrument: ClientInstrument = {
  name: 'fal',
  knows: '@fal-ai/client (1.10)',
  recognises: isFalClient,
  instrument: (client, path, _options, runtime) => void instrumentFal(client, path, runtime),
  packages: [
    {
      // Published as CommonJS only.
      name: '@fal-ai/client',
      clientFiles: /^src\/index\.js$/,
      clientFileNames: ['index.js'],
      entryFiles: ['src/index.js'],
      deep: [],
      classes: [],
      factory: {
        exportName: 'createFalClient',
        definedIn: join('src', 'client.js'),
        singleton: 'fal',
        methods: ['run', 'subscribe', 'stream'],
        parts: ['queue', 'streaming', 'realtime'],
        configure: 'config',
      },
    },
  ],
};
