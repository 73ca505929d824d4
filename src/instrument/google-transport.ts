/**
 * The transport of a client of `@google/genai`: the one object through which every request of its modules passes, whatever
 * helper began it. Three own methods over the instance:
 *
 * - `request`, `requestStream`: one HTTP request of a call. It is decided here, before the client asks for credentials;
 * - `apiCall`: sends, and retries. It is called on a stand-in that knows the decision, so that no state is needed between
 *   the two, and each attempt is seen: through the `fetch` that later versions take, by their retries made here before.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { Admission, CallPath } from '../call.js';
import type { AttemptEnd } from '../metering/attempt.js';
import { createGoogleReader, type GoogleRequestReading, readGoogleRequest } from '../providers/google.js';
import { recordOf } from '../providers/values.js';
import { globalFetch, type Runtime } from '../runtime.js';
import { isAbort, reasonOf } from './answer-watch.js';
import type { FetchInput } from './fetch-request.js';
import { callOf, type GoogleCall } from './google-call.js';
import type { ApiCallArguments, GoogleApiClient, GoogleFetch, GoogleHttpRequest } from './google-client.js';
import { sendWithRetries } from './google-retry.js';
import type { GoogleWork } from './google-work.js';
import { endOf } from './metered-call.js';
import { whileLeaving } from './original-fetch.js';
import { override } from './stainless-client.js';
import { tapResponse } from './tap-response.js';

/** What the seams of one client share. */
export interface GoogleContext {
  readonly path: CallPath;
  readonly runtime: Runtime;
  readonly work: GoogleWork;
  warnOnce(message: string): void;
}

/** A request that was let through and has not left yet. */
interface Prepared {
  readonly request: GoogleHttpRequest;
  readonly reading: GoogleRequestReading;
  readonly metadata: unknown;
  readonly call: GoogleCall | undefined;
  readonly signal: AbortSignal | undefined;
  /** For the first attempt; a retry is decided anew. */
  admission: Admission | undefined;
}

/** `apiCall` takes a `fetch` as its sixth argument since 2.2x. */
const FETCH_ARGUMENT = 6;

/** Decides on a request of this client. `ahead`: the decision was taken before the client began. */
export function admitGoogle(
  { path, work }: GoogleContext,
  reading: GoogleRequestReading,
  metadata: unknown,
  ahead?: Admission,
): Admission {
  if (ahead !== undefined) return { ...ahead, request: reading };
  const admission = path.admit(reading, metadata);
  const madeFor = work.madeFor(reading)?.metadata;
  return madeFor === undefined ? admission : { ...admission, metadata: madeFor };
}

/** Sends one attempt through `fetch` and taps its answer; what `fetch` gives or throws passes unchanged. */
export async function sendAttempt(
  context: GoogleContext,
  admission: Admission,
  reading: GoogleRequestReading,
  signals: { readonly caller: AbortSignal | undefined; readonly request: AbortSignal | undefined },
  send: () => Promise<Response>,
  call?: Pick<GoogleCall, 'began'>,
): Promise<Response> {
  // Aborted before it was sent: nothing leaves, nothing is metered. Early versions look at no signal but their own.
  if (reading.kind === 'free' || signals.request?.aborted === true) {
    admission.hold?.release();
    return send();
  }
  const attempt = context.path.begin(admission);
  call?.began(attempt);
  const end = (error: unknown): AttemptEnd => endOfGoogleError(error, signals.caller);
  let response: Response;
  try {
    response = await send();
  } catch (error) {
    attempt.settle(end(error), { reason: reasonOf(error) });
    throw error;
  }
  const reader = context.work.watch(reading, createGoogleReader(reading), admission.metadata);
  const signal = signals.request ?? signals.caller;
  return tapResponse(response, attempt, reader, { streaming: reading.streaming, endOf: end, signal });
}

/** The client aborts its own requests when its time limit passes; then the caller's signal is not aborted. */
function endOfGoogleError(error: unknown, caller: AbortSignal | undefined): AttemptEnd {
  if (caller?.aborted === true) return 'cancelled';
  // Early versions wrap the error of `fetch` into one that only tells its name.
  if (isAbort(error) || /^exception \w*AbortError:/.test(reasonOf(error))) return 'timed-out';
  return endOf(error);
}

/** Lays the seams over a client's transport. */
export function guardTransport(apiClient: GoogleApiClient, context: GoogleContext): void {
  new GoogleTransport(apiClient, context).lay();
}

class GoogleTransport {
  readonly #apiClient: GoogleApiClient;
  readonly #context: GoogleContext;
  readonly #apiCall: GoogleApiClient['apiCall'];

  constructor(apiClient: GoogleApiClient, context: GoogleContext) {
    this.#apiClient = apiClient;
    this.#context = context;
    this.#apiCall = apiClient.apiCall;
  }

  lay(): void {
    for (const name of ['request', 'requestStream'] as const) {
      const original = this.#apiClient[name];
      override(this.#apiClient, name, async (request: GoogleHttpRequest) => await this.#through(original, request));
    }
  }

  async #through(original: GoogleApiClient['request'], request: GoogleHttpRequest): Promise<unknown> {
    const prepared = await this.#prepare(request);
    if (prepared === undefined || prepared.reading.kind === 'free') return original.call(this.#apiClient, request);
    const standIn = Object.create(this.#apiClient) as GoogleApiClient;
    override(standIn, 'apiCall', (...given: ApiCallArguments) => this.#send(prepared, given));
    try {
      return await original.call(standIn, prepared.request);
    } finally {
      // The client may have thrown before it sent.
      prepared.admission?.hold?.release();
    }
  }

  /** Throws a refusal, and nothing else (I2). */
  async #prepare(request: GoogleHttpRequest): Promise<Prepared | undefined> {
    try {
      const call = callOf(request.httpOptions);
      const method = request.httpMethod.toUpperCase();
      const body = bodyOf(request.body);
      const readAs = (fields: unknown) => readGoogleRequest({ method, url: this.#urlOf(request), body: fields });
      const read = readAs(body);
      const reading = read.kind === 'poll' ? this.#context.work.withWork(read) : read;
      const metadata = call?.metadata;
      const admitted = admitGoogle(this.#context, reading, metadata, call?.ahead);
      if (call !== undefined) call.ahead = undefined;
      const { abortSignal: signal } = request;
      const fields = typeof request.body === 'string' ? recordOf(body) : undefined;
      const change = fields === undefined ? undefined : { body: fields, read: readAs };
      const secured = this.#context.path.secure(admitted, () => ({ signal, change }));
      const admission = secured instanceof Promise ? await secured : secured;
      const changed = admission.body === undefined ? request : { ...request, body: JSON.stringify(admission.body) };
      const asked = call?.hasOwnConfig === true ? withoutOurConfig(changed, admission.body ?? body) : changed;
      const own = admission.body === undefined ? reading : (admission.request as GoogleRequestReading);
      return { request: asked, reading: own, metadata, call, signal, admission };
    } catch (error) {
      if (error instanceof BudgetExceededError) throw error;
      this.#context.warnOnce(`a request could not be read and passes as it is: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** The path as the client will ask for it; Vertex AI's gets its project later, and is told by it. */
  #urlOf({ path }: GoogleHttpRequest): string {
    const isVertex = this.#apiClient.isVertexAI?.() === true && !/(^|\/)(publishers|projects)\//.test(path);
    return isVertex ? `/projects/-/${path}` : `/${path}`;
  }

  async #send(prepared: Prepared, given: ApiCallArguments): Promise<Response> {
    const takesFetch = this.#apiCall.length >= FETCH_ARGUMENT;
    return takesFetch ? this.#sendThroughFetch(prepared, given) : this.#sendWhole(prepared, given);
  }

  async #sendThroughFetch(prepared: Prepared, given: ApiCallArguments): Promise<Response> {
    let refusal: BudgetExceededError | undefined;
    const [url, init, retryOptions, timeout, signal, fetchFn, ...rest] = given;
    const watched: GoogleFetch = async (input, options) => {
      const send = () => this.#leaving(input, () => (fetchFn ?? (globalFetch() as GoogleFetch))(input, options));
      const signal = options?.signal ?? undefined;
      let admission: Admission;
      try {
        const admitted = this.#admission(prepared, signal);
        admission = admitted instanceof Promise ? await admitted : admitted;
      } catch (error) {
        refusal = error as BudgetExceededError;
        // The client's retries stop at a TypeError. It reaches nobody.
        throw new TypeError('refused');
      }
      return await this.#attempt(prepared, admission, signal, send);
    };
    try {
      return await this.#apiCall.call(this.#apiClient, url, init, retryOptions, timeout, signal, watched, ...rest);
    } catch (error) {
      throw refusal ?? error;
    }
  }

  async #sendWhole(prepared: Prepared, given: ApiCallArguments): Promise<Response> {
    const { clientOptions } = this.#apiClient;
    const retryOptions = clientOptions?.httpOptions?.retryOptions;
    // Some early versions take the option and do nothing with it.
    const retries = retryOptions !== undefined && /retryOptions/.test(String(this.#apiCall));
    const client = retries ? withoutRetries(this.#apiClient) : this.#apiClient;
    const signal = given[1].signal ?? undefined;
    const send = async () => {
      const admission = await this.#admission(prepared, signal);
      const leave = () => this.#leaving(given[0], () => this.#apiCall.apply(client, given));
      return await this.#attempt(prepared, admission, signal, leave);
    };
    return retries ? sendWithRetries(() => discarding(send()), retryOptions?.attempts, this.#context.runtime) : send();
  }

  /** The global `fetch` may be a guarded one: it lets pass what was decided here. */
  #leaving<T>(url: unknown, send: () => T): T {
    return whileLeaving(url as FetchInput, send);
  }

  /** @throws BudgetExceededError where this is a retry that is refused. */
  #admission(prepared: Prepared, signal: AbortSignal | undefined): Admission | Promise<Admission> {
    const { reading, metadata, admission } = prepared;
    prepared.admission = undefined;
    return admission ?? this.#context.path.secure(admitGoogle(this.#context, reading, metadata), () => ({ signal }));
  }

  #attempt(
    { reading, call, signal: caller }: Prepared,
    admission: Admission,
    request: AbortSignal | undefined,
    send: () => Promise<Response>,
  ): Promise<Response> {
    return sendAttempt(this.#context, admission, reading, { caller, request }, send, call);
  }
}

/** With retries the client reads nothing of an error answer: it ends here, and the attempt with it. */
async function discarding(sent: Promise<Response>): Promise<Response> {
  const response = await sent;
  if (!response.ok) response.body?.cancel().catch(() => undefined);
  return response;
}

/** The client without its retry options: it sends once, and gives whatever answer there is. */
function withoutRetries(apiClient: GoogleApiClient): GoogleApiClient {
  const { clientOptions } = apiClient;
  const { retryOptions: _, ...httpOptions } = clientOptions?.httpOptions ?? {};
  return Object.create(apiClient, { clientOptions: { value: { ...clientOptions, httpOptions } } }) as GoogleApiClient;
}

/** The request as it is where the caller gives no `config`. */
function withoutOurConfig(request: GoogleHttpRequest, body: unknown): GoogleHttpRequest {
  const fields = recordOf(body);
  const config = recordOf(fields?.['generationConfig']);
  if (fields === undefined || config === undefined || Object.keys(config).length > 0) return request;
  const { generationConfig: _, ...rest } = fields;
  return { ...request, body: JSON.stringify(rest) };
}

function bodyOf(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
