/**
 * The instrument of the clients that Stainless's generator makes (openai, anthropic, perplexity): own properties over the instance, so that private fields, `instanceof`, types and
 * helpers stay. Five seams, all of the client's own making, in the order in which a call passes them:
 *
 * - a helper (`stream`, `runTools`): decided before it starts;
 * - `request`: gives the lazy promise whose answers are named;
 * - `prepareOptions`: runs before each attempt, and an error thrown there reaches the caller unwrapped and without a
 *   retry. Here the attempt is decided, its metadata taken out and its usage asked for;
 * - `prepareRequest`: ties the request's headers, the one object that reaches `fetch` unchanged, to that decision;
 * - `fetch`: sends, and taps what comes back.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { type Admission, admitWithParts, type CallPath } from '../call.js';
import type { GuardOptions } from '../guard-client.js';
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { Attempt } from '../metering/attempt.js';
import type { ProviderRequest, RequestReading, UsageReader } from '../providers/adapter.js';
import type { SseRewrite } from '../providers/sse.js';
import { reasonOf } from './answer-watch.js';
import type { FetchInput } from './fetch-request.js';
import { isGuarded, markGuarded } from './guarded-mark.js';
import { LitellmLayer, type LitellmRuntime } from './litellm.js';
import { nameOriginalFetch, originalFetchOf, whileLeaving } from './original-fetch.js';
import { carriedMetadata } from './split-usage-metadata.js';
import { type AttemptOf, nameAnswers } from './stainless-answers.js';
import {
  ADMITTED,
  type AdmittedAhead,
  after,
  type FetchFunction,
  type Held,
  isObject,
  isThenable,
  kept,
  override,
  type StainlessClient,
  type StainlessRequestOptions,
} from './stainless-client.js';
import { endOfStainlessError } from './stainless-end.js';
import { type DecideAhead, guardHelpers, type StainlessHelper } from './stainless-helpers.js';
import { isPlainBody, splitBody, urlOf } from './stainless-request.js';
import { tapResponse } from './tap-response.js';

/** What one provider's client has of its own. `R` is the reading that its adapter makes. */
export interface StainlessDialect<R extends RequestReading> {
  /** The package's name, for the log. */
  readonly name: string;
  /** Reads a request of this client. Never throws. */
  read(request: ProviderRequest, client: StainlessClient, options: GuardOptions): R;
  createUsageReader(reading: R): UsageReader;
  readonly helpers: readonly StainlessHelper[];
  /** Ways into this client that start by themselves and are no {@link helpers}: to be decided before they start. */
  lay?(client: StainlessClient, decide: DecideAhead): void;
  /** The URL that a request will go to, where the client's own `buildURL` does not tell. */
  urlOf?(client: StainlessClient, options: StainlessRequestOptions): string;
  /** A copy of the body that asks for usage, or `undefined` where the body stays as it is. */
  askForUsage?(body: unknown, reading: R, options: GuardOptions): object | undefined;
  /** The calls that a request stands for beside the one that it reads as (a batch): each is decided. */
  parts?(reading: R): readonly R[];
  /** Whether a stream that ends without the protocol's last event was cut. */
  readonly endsWithMark?: boolean;
  /** Takes the traces of the usage that was asked for out of a stream again. */
  readonly rewrite?: SseRewrite;
  /** Work that one request starts and another one reads the end of; one for each client and its clones. */
  createPending?(): PendingWork<R>;
}

/** Work that goes on after the answer: background responses, batches. */
export interface PendingWork<R extends RequestReading> {
  /** On whose behalf the work was asked for that this request reads, if it was asked for here. */
  madeFor(reading: R): ResolvedMetadata | undefined;
  /** A reader for the answer to this request; `reader` itself where it has nothing to do with such work. */
  watch(reading: R, reader: UsageReader, metadata: ResolvedMetadata, attempt: Attempt): UsageReader;
}

/** On a client that this copy of the package guards: its instrument. */
const INSTRUMENT = Symbol('fusewire.instrument');

// What is known of an object of the client's is kept on that object, unseen: four weak maps cost a call more in garbage
// collection than everything else here together.
const TAKEN = Symbol('fusewire.taken');
const PREPARED = Symbol('fusewire.prepared');
const ATTEMPT = Symbol('fusewire.attempt');

/** An attempt that was let through and has not left yet. */
interface Prepared<R extends RequestReading> {
  readonly admission: Admission;
  readonly reading: R;
  readonly metadata: unknown;
  readonly injected: boolean;
  readonly signal: AbortSignal | undefined;
  sent: boolean;
  /** The attempt that names the answer. */
  attempt?: Attempt;
}

/** What an earlier attempt of the same call took out of its body. */
interface Taken {
  readonly metadata: unknown;
  readonly injected: boolean;
  /** The body as it was before a hard budget changed it. */
  readonly unchanged: unknown;
}

/**
 * Guards and meters a client, in place, and returns it. Doing it twice is harmless: the first instance that guards a
 * client keeps it. Clones by `withOptions` are guarded too. Never throws.
 */
export function instrumentStainless<T extends object, R extends RequestReading>(
  client: T,
  path: CallPath,
  dialect: StainlessDialect<R>,
  options: GuardOptions,
  runtime: LitellmRuntime,
): T {
  if (isGuarded(client)) return client;
  if (!markGuarded(client)) {
    runtime.log.error(`a client of ${dialect.name} is frozen and cannot be guarded`);
    return client;
  }
  const instrument = new StainlessInstrument(client as StainlessClient, path, dialect, options, runtime);
  override(client, INSTRUMENT, instrument);
  instrument.lay();
  return client;
}

class StainlessInstrument<R extends RequestReading> {
  readonly #client: StainlessClient;
  readonly #runtime: LitellmRuntime;
  #litellm: LitellmLayer;
  readonly #dialect: StainlessDialect<R>;
  #path: CallPath;
  #options: GuardOptions;
  #fetch: FetchFunction;
  /** While a clone is made, `fetch` reads as the client's own, so that nothing of the clone is built on ours. */
  #cloning = false;
  #warned = false;
  #pending: PendingWork<R> | undefined;

  constructor(
    client: StainlessClient,
    path: CallPath,
    dialect: StainlessDialect<R>,
    options: GuardOptions,
    runtime: LitellmRuntime,
  ) {
    this.#client = client;
    this.#path = path;
    this.#dialect = dialect;
    this.#options = options;
    this.#runtime = runtime;
    this.#litellm = new LitellmLayer(options, runtime);
    this.#fetch = originalFetchOf(client.fetch as FetchFunction);
    this.#pending = dialect.createPending?.();
  }

  lay(): void {
    const client = this.#client;
    this.#layFetch();
    const { prepareOptions, prepareRequest, request, withOptions } = client;
    if (typeof prepareOptions === 'function' && typeof prepareRequest === 'function') {
      override(client, 'prepareOptions', async (options: StainlessRequestOptions) => {
        await prepareOptions.call(client, options);
        await this.#prepare(options);
      });
      override(client, 'prepareRequest', async (...given: Parameters<typeof prepareRequest>) => {
        await prepareRequest.apply(client, given);
        this.#tie(given[0], given[1]);
      });
      const decide: DecideAhead = (path, body, options) => this.#decideAhead(path, body, options);
      guardHelpers(client, this.#dialect.helpers, decide);
      this.#dialect.lay?.(client, decide);
    } else
      this.#warnOnce(
        `this version of ${this.#dialect.name} has no request hooks: calls are decided when they are sent`,
      );
    // Bedrock's client reads a response of its own making; the options are the same over all of a request.
    const attemptOf: AttemptOf = ({ response, options }) =>
      kept<Attempt>(response, ATTEMPT) ?? kept<Prepared<R>>(options, PREPARED)?.attempt;
    if (typeof request === 'function') {
      override(client, 'request', (options: unknown, ...rest: unknown[]) => {
        // Options that the caller made are the caller's: the hooks write into them.
        const promise = request.call(client, isThenable(options) ? options : { ...(options as object) }, ...rest);
        if (!nameAnswers(promise, attemptOf))
          this.#warnOnce(`answers of this version of ${this.#dialect.name} carry no transaction id`);
        return promise;
      });
    }
    if (typeof withOptions === 'function') {
      override(client, 'withOptions', (options: unknown) => this.#clone(() => withOptions.call(client, options)));
    }
  }

  /** Another instance guards the client that this one was cloned from: it guards the clone too. */
  retarget(path: CallPath, options: GuardOptions, pending: PendingWork<R> | undefined): void {
    this.#path = path;
    this.#options = options;
    this.#litellm = new LitellmLayer(options, this.#runtime);
    this.#pending = pending;
  }

  #layFetch(): void {
    const send: FetchFunction = (input, init) => this.#send(input, init);
    nameOriginalFetch(send, () => this.#fetch);
    Object.defineProperty(this.#client, 'fetch', {
      configurable: true,
      enumerable: true,
      get: () => (this.#cloning ? this.#fetch : send),
      set: (fetch: FetchFunction) => {
        if (fetch !== send) this.#fetch = originalFetchOf(fetch);
      },
    });
  }

  #clone(make: () => object): object {
    this.#cloning = true;
    let clone: object;
    try {
      clone = make();
    } finally {
      this.#cloning = false;
    }
    instrumentStainless(clone, this.#path, this.#dialect, this.#options, this.#runtime);
    const instrument: unknown = Reflect.get(clone, INSTRUMENT);
    if (instrument instanceof StainlessInstrument) instrument.retarget(this.#path, this.#options, this.#pending);
    return clone;
  }

  /** Before each attempt. Throws a refusal, and nothing else (I2); the promise is there where a hold is waited for. */
  #prepare(options: StainlessRequestOptions): Promise<void> | undefined {
    return this.#harmless(() => {
      // The options are the same over all retries, but for one path that copies them; the body is the same there too.
      const earlier = kept<Taken>(options, TAKEN) ?? kept<Taken>(options.body, TAKEN);
      // A retry may be had for the whole of what was asked for.
      if (earlier?.unchanged !== undefined) options.body = earlier.unchanged;
      const given = options.body;
      const split = splitBody(given);
      const metadata = earlier?.metadata ?? split.metadata ?? options.usageMetadata;
      if (split.body !== given) options.body = split.body;
      const url = this.#urlOf(options);
      const reading = this.#read(options.method, url, split.fields);
      const asking =
        earlier === undefined ? this.#dialect.askForUsage?.(split.body, reading, this.#options) : undefined;
      const injected = earlier?.injected === true || asking !== undefined;
      // Decided before anything else is written: a refusal leaves the options as they were, metadata aside.
      const ahead = takeAhead(options);
      const admission = ahead === undefined ? this.#admit(reading, metadata) : { ...ahead, request: reading };
      if (asking !== undefined) options.body = asking;
      const signal = options.signal ?? undefined;
      const leave = (secured: Admission) => {
        const unchanged = secured.body === undefined ? undefined : options.body;
        if (secured.body !== undefined) options.body = secured.body;
        const taken: Taken = { metadata, injected, unchanged };
        if (options.body !== given) {
          override(options, TAKEN, taken);
          if (isObject(options.body)) override(options.body, TAKEN, taken);
        }
        const read = secured.request as R;
        override(options, PREPARED, { admission: secured, reading: read, metadata, injected, signal, sent: false });
      };
      const secured = this.#path.secure(admission, () => {
        const body = asking ?? split.body;
        const isChangeable = isPlainBody(body) && body === (asking ?? split.fields);
        const read = (other: object) => this.#read(options.method, url, other);
        return { change: isChangeable ? { body, read } : undefined, signal };
      });
      return secured instanceof Promise ? secured.then(leave) : void leave(secured);
    });
  }

  #tie(request: { headers?: unknown }, context: { options: StainlessRequestOptions }): void {
    const prepared = kept<Prepared<R>>(context.options, PREPARED);
    if (prepared === undefined) return;
    // Either may be another object when it leaves: a traced client makes new headers, others a new request.
    override(request, PREPARED, prepared);
    if (isObject(request.headers)) override(request.headers, PREPARED, prepared);
  }

  async #send(input: unknown, init?: Record<string, unknown>): Promise<Response> {
    const prepared = await this.#harmless(() => this.#preparedFor(input, init));
    const headers = init?.['headers'];
    this.#litellm.authorise(String(input), headers, this.#client.baseURL);
    if (prepared === undefined || prepared.reading.kind === 'free') return this.#fetch.call(undefined, input, init);
    const { reading, admission } = prepared;
    const attempt = this.#path.begin(admission);
    this.#litellm.describe(reading, headers, attempt.id, admission.metadata);
    const sent = { url: String(input), headers, isGateway: this.#options.gateway };
    let isOpenStream = false;
    const endOf = (error: unknown) => endOfStainlessError(error, prepared.signal, isOpenStream);
    let response: Response;
    try {
      response = await whileLeaving(input as FetchInput, () => this.#fetch.call(undefined, input, init));
    } catch (error) {
      const end = endOf(error);
      this.#path.gateways.unanswered(attempt, end, sent);
      attempt.settle(end, { reason: reasonOf(error) });
      throw error;
    }
    if (!isObject(response)) {
      attempt.settle('failed', { reason: 'fetch gave no response' });
      return response;
    }
    isOpenStream = reading.streaming;
    const reader = this.#dialect.createUsageReader(reading);
    const rewrite = prepared.injected ? this.#dialect.rewrite : undefined;
    // A read of a response that was metered before names that event, if it can be named at all.
    if (reading.kind === 'call' || reading.idsAreUnique) {
      override(response, ATTEMPT, attempt);
      prepared.attempt = attempt;
    }
    const signal = init?.['signal'] instanceof AbortSignal ? init['signal'] : undefined;
    const { endsWithMark } = this.#dialect;
    const options = { streaming: reading.streaming, rewrite, endOf, signal, endsWithMark };
    const isElsewhere = this.#path.gateways.answered(attempt, response, sent);
    const pending = isElsewhere ? undefined : this.#pending?.watch(reading, reader, admission.metadata, attempt);
    const watched = pending ?? reader;
    return tapResponse(response, attempt, this.#litellm.watch(watched, reading, headers), options);
  }

  /** The decision that this request leaves under. Sent again under the same one, it is another attempt. */
  #preparedFor(input: unknown, init: Record<string, unknown> | undefined): Held<Prepared<R>> | undefined {
    const known = kept<Prepared<R>>(init, PREPARED) ?? kept<Prepared<R>>(init?.['headers'], PREPARED);
    if (known === undefined) return this.#prepareLate(String(input), init);
    if (!known.sent) {
      known.sent = true;
      return known;
    }
    const { signal } = known;
    const secured = this.#path.secure(this.#admit(known.reading, known.metadata), () => ({ signal }));
    return after(secured, (admission) => ({ ...known, admission }));
  }

  /** A request that came past the hooks. Not to the provider: not ours. */
  #prepareLate(url: string, init: Record<string, unknown> | undefined): Held<Prepared<R>> | undefined {
    const { baseURL } = this.#client;
    if (typeof baseURL !== 'string' || !url.startsWith(baseURL)) return undefined;
    const { fields } = splitBody(init?.['body']);
    const reading = this.#read(String(init?.['method'] ?? 'GET'), url, fields);
    const given = init?.['signal'];
    const signal = given instanceof AbortSignal ? given : undefined;
    return after(
      this.#path.secure(this.#admit(reading, undefined), () => ({ signal })),
      (admission) => ({ admission, reading, metadata: undefined, injected: false, signal: undefined, sent: true }),
    );
  }

  #decideAhead(path: string, body: object, options: unknown): AdmittedAhead | undefined {
    if (isThenable(options)) return undefined;
    return this.#harmless(() => {
      const { method, usageMetadata } = { method: 'POST', ...(options as StainlessRequestOptions | undefined) };
      const url = this.#urlOf({ path });
      const metadata = carriedMetadata(body).metadata ?? usageMetadata;
      return { admission: this.#admit(this.#read(method, url, body), metadata) };
    });
  }

  #urlOf(options: StainlessRequestOptions): string {
    return this.#dialect.urlOf?.(this.#client, options) ?? urlOf(this.#client, options);
  }

  #read(method: string | undefined, url: string, body: unknown): R {
    const request = { method: (method ?? 'GET').toUpperCase(), url, body };
    const reading = this.#dialect.read(request, this.#client, this.#options);
    const { uniqueIds } = this.#options;
    return this.#litellm.read(uniqueIds === undefined ? reading : { ...reading, idsAreUnique: uniqueIds }, url);
  }

  #admit(reading: R, metadata: unknown) {
    const admission = admitWithParts(this.#path, reading, this.#dialect.parts?.(reading), metadata);
    const madeFor = this.#pending?.madeFor(reading);
    return madeFor === undefined ? admission : { ...admission, metadata: madeFor };
  }

  #harmless<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      if (error instanceof BudgetExceededError) throw error;
      this.#warnOnce(`a request could not be read and passes as it is: ${reasonOf(error)}`);
      return undefined;
    }
  }

  #warnOnce(message: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#runtime.log.warn(message);
  }
}

function takeAhead(options: StainlessRequestOptions): Admission | undefined {
  const ahead = kept<AdmittedAhead>(options, ADMITTED) ?? kept<AdmittedAhead>(options.signal, ADMITTED);
  const admission = ahead?.admission;
  if (ahead !== undefined) ahead.admission = undefined;
  return admission;
}
