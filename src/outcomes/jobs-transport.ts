/** One request to the jobs API with its retries (contract 5.9). */
import { parseRetryAfter } from '../../cache/retry-after.js';
import { managementUrl } from '../metering/metering-url.js';
import { createPoster, type Poster } from '../metering/poster.js';
import type { DeliveryAnswer } from '../metering/read-answer.js';
import type { Runtime } from '../runtime.js';
import type { Secret } from '../secret.js';
import { VERSION } from '../version.js';
import { JobsApiError, type JobsOperation, jobsErrorOf } from './jobs-errors.js';

/** What requests need. */
export interface JobsTransportOptions {
  readonly runtime: Runtime;
  /** A metering URL in any form, or the URL that jobs are under (`…/profitstream`). */
  readonly baseUrl: string;
  /** Read at each request: a key that is set late or rotated is picked up. */
  readonly apiKey: (needsWriteKey: boolean) => Secret;
  readonly teamId: () => string | undefined;
  /** Tries of one request. */
  readonly attempts: number;
  /** Milliseconds before the first retry; doubled each time, up to `maxDelayMs`, which also bounds `Retry-After`. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** Of one try, milliseconds. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** One request. */
export interface JobsRequest {
  /** For errors: `report the outcome of job-7`. */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below `…/v2/api/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly operation?: JobsOperation;
  /** Outcomes are written with a write key (contract 1.5). */
  readonly needsWriteKey?: boolean;
  /** A success although it is an error: 409 of a job that is there already. */
  readonly accepts?: (status: number) => boolean;
  /** Which answers pass by themselves. @defaultValue 429, 502, 503 and 504 */
  readonly retries?: (status: number) => boolean;
}

const BUSY = new Set([429, 502, 503, 504]);
const BODY_BYTES_MAX = 16 * 1024 * 1024;
const CONNECTIONS = 4;

/** Sends requests. They hold the process: somebody waits for them. */
export class JobsTransport {
  readonly #options: JobsTransportOptions;
  readonly #poster: Poster;
  readonly #closed = new AbortController();

  constructor(options: JobsTransportOptions) {
    this.#options = options;
    const { runtime, connectTimeoutMs, timeoutMs } = options;
    this.#poster = createPoster({ runtime, connections: CONNECTIONS, connectTimeoutMs, timeoutMs, holdsProcess: true });
  }

  /**
   * The parsed answer; `undefined` for an empty one. A write carries one Idempotency-Key over all its tries, so that none
   * is done twice.
   *
   * @throws JobsApiError, or one of its kinds, when the service refuses or nothing came of it after all tries.
   */
  async request(request: JobsRequest): Promise<unknown> {
    const { runtime, attempts, maxDelayMs } = this.#options;
    const retries = request.retries ?? ((status: number) => BUSY.has(status));
    const idempotencyKey = request.method === 'GET' ? undefined : runtime.newId();
    let delayMs = this.#options.initialDelayMs;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send(request, idempotencyKey);
      const isBusy = answer.kind === 'none' || retries(answer.status);
      if (!isBusy || attempt >= attempts || this.#closed.signal.aborted) return this.#settle(request, answer, attempt);
      const asked = answer.kind === 'none' ? undefined : parseRetryAfter(answer.headers['retry-after'], runtime.now());
      runtime.log.debug('a request to the jobs API is tried again', { what: request.what, attempt });
      await this.#sleep(Math.min(asked ?? delayMs, maxDelayMs));
      delayMs = Math.min(delayMs * 2, maxDelayMs);
    }
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#poster.close();
  }

  #send(request: JobsRequest, idempotencyKey: string | undefined): Promise<DeliveryAnswer> {
    const { apiKey, teamId, baseUrl } = this.#options;
    const url = managementUrl(new URL(baseUrl.replace(/\/profitstream(\/v2\/api)?\/*$/i, '')), request.path);
    for (const [name, value] of Object.entries({ teamId: teamId(), ...request.query })) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = {
      'x-api-key': apiKey(request.needsWriteKey === true).reveal(),
      accept: 'application/json',
      'user-agent': `fusewire/${VERSION}`,
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    };
    const target = { origin: url.origin, path: `${url.pathname}${url.search}`, method: request.method };
    const body = request.body === undefined ? '' : JSON.stringify(request.body);
    return this.#poster.post(target, headers, body, this.#closed.signal, BODY_BYTES_MAX);
  }

  #settle({ what, operation = 'other', accepts }: JobsRequest, answer: DeliveryAnswer, attempts: number): unknown {
    if (answer.kind === 'none') {
      const tries = attempts === 1 ? '' : ` (${attempts} tries)`;
      throw new JobsApiError(`${what}: no answer${tries}: ${answer.reason}`, undefined);
    }
    const body = parsed(answer.body);
    const isGood = answer.status >= 200 && answer.status < 300;
    if (!isGood && accepts?.(answer.status) !== true) throw jobsErrorOf(operation, what, answer.status, body);
    // A page of a proxy or a portal, under 200: nothing is known of what was asked, and nothing was done for sure.
    if (isGood && typeof body === 'string') {
      throw new JobsApiError(`${what}: HTTP ${answer.status} with an answer that is no JSON`, answer.status);
    }
    return body;
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#closed.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#options.runtime.setTimer(done, delayMs, { keepAlive: true });
      this.#closed.signal.addEventListener('abort', done);
    });
  }
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
