/** Station 10, the network: one request for the feed, and what its answer means (contract 2.1, 2.2). */
import type { Dispatcher } from 'undici';
import type { Runtime } from '../src/runtime.js';
import { CAPABILITIES_HEADER } from '../src/wire/capabilities.js';
import type { AnswerHeaders } from './capabilities.js';
import { readBody, readExcerpt } from './feed-body.js';
import { parseRetryAfter } from './retry-after.js';

/** A request that takes longer is given up (contract 2.11, D15). Milliseconds, from the first byte to the last. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** A connection that takes longer to stand is given up. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A larger body is not read: 100,000 rules are some 33 MB. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** So much of an error's body is read, for the debug log. */
const ERROR_BODY_BYTES_MAX = 2_048;

/** The name under which differences of a feed are asked for and answered (RFC 3229). */
const DIFFERENCE = 'fusewire-feed';

/** What one request came to. */
export type FeedAnswer =
  | {
      readonly kind: 'body';
      readonly status: 200 | 204;
      /** In the parts in which it came: gluing 33 MB together would hold the event loop for 20 ms. */
      readonly parts: readonly string[];
      readonly etag: string | undefined;
      /** Of the header; a body may name its own. */
      readonly revision: number | undefined;
      /** Whether it was asked for without the bound of 1 MiB. */
      readonly isWhole: boolean;
    }
  /** What changed since the feed whose ETag was named (226). */
  | {
      readonly kind: 'difference';
      readonly parts: readonly string[];
      readonly etag: string | undefined;
      /** Of the feed that it is a difference to. */
      readonly baseEtag: string | undefined;
    }
  | { readonly kind: 'not-modified' }
  /** The wait was given up for something more urgent; nothing is known. */
  | { readonly kind: 'interrupted' }
  /** May pass by itself: try again, after `afterMs` if the service asked for it. */
  | { readonly kind: 'retryable'; readonly reason: string; readonly afterMs: number | undefined }
  /** Will not pass by trying again at once. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly status: number | undefined };

/** What is asked for. */
export interface FeedRequest {
  readonly origin: string;
  readonly path: string;
  readonly apiKey: string;
  readonly userAgent: string;
  readonly etag: string | undefined;
  readonly signal: AbortSignal;
  /** Beyond the contract; only for a service that announced it. */
  readonly extensions?: FeedExtensions | undefined;
  /** Told of every answer, whatever it says. */
  readonly onAnswer?: ((status: number, headers: AnswerHeaders) => void) | undefined;
}

/** What a request makes use of. */
export interface FeedExtensions {
  /** All rules, and compressed. */
  readonly whole: boolean;
  /** The difference to `etag`, if the service has it. */
  readonly difference: boolean;
  /** The service may keep the answer for so long, until the feed differs from `etag`. 0: it answers at once. */
  readonly waitSeconds: number;
  /** Gives up the wait, as long as nothing was answered. */
  readonly interrupt?: AbortSignal | undefined;
}

const NO_EXTENSIONS: FeedExtensions = { whole: false, difference: false, waitSeconds: 0 };

/**
 * A connection to the service for one poller. Its sockets never hold the process: a service that accepts and does not
 * answer must not delay the end of a program. (While a connection is being made, Node holds the process; 5 s at most.)
 */
export async function createFeedDispatcher(origin: string): Promise<Dispatcher> {
  // Loaded with the first request: importing it takes as long as all of the SDK, and a program that is only guarded for
  // metering, or not at all, need not pay for it.
  const { buildConnector, Pool } = await import('undici');
  const connector = buildConnector({ timeout: CONNECT_TIMEOUT_MS });
  return new Pool(origin, {
    connections: 1,
    connect: (options, callback) => {
      connector(options, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        // undici calls ref() whenever a request is under way.
        socket.ref = () => socket;
        socket.unref();
        callback(null, socket);
      });
    },
  });
}

/** Asks once. Never throws. Redirects are not followed: the key goes to the host that was configured and to no other. */
export async function requestFeed(request: FeedRequest, dispatcher: Dispatcher, runtime: Runtime): Promise<FeedAnswer> {
  const { waitSeconds, interrupt } = request.extensions ?? NO_EXTENSIONS;
  const limitMs = REQUEST_TIMEOUT_MS + waitSeconds * 1000;
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = runtime.setTimer(stop, limitMs);
  request.signal.addEventListener('abort', stop);
  interrupt?.addEventListener('abort', stop);
  let isAnswered = false;
  try {
    if (request.signal.aborted) return { kind: 'rejected', reason: 'stopped', status: undefined };
    if (interrupt?.aborted) return { kind: 'interrupted' };
    const answer = await dispatcher.request({
      origin: request.origin,
      path: waitSeconds > 0 ? `${request.path}?wait=${waitSeconds}` : request.path,
      method: 'GET',
      headers: headersOf(request),
      signal: abort.signal,
      headersTimeout: limitMs,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    });
    isAnswered = true;
    interrupt?.removeEventListener('abort', stop);
    request.onAnswer?.(answer.statusCode, answer.headers);
    return await readAnswer(answer, request, runtime);
  } catch (error) {
    if (request.signal.aborted) return { kind: 'rejected', reason: 'stopped', status: undefined };
    if (interrupt?.aborted && !isAnswered) return { kind: 'interrupted' };
    if (abort.signal.aborted) {
      return { kind: 'retryable', reason: `no answer within ${limitMs / 1000} s`, afterMs: undefined };
    }
    return failureOf(error);
  } finally {
    timer.cancel();
    request.signal.removeEventListener('abort', stop);
    interrupt?.removeEventListener('abort', stop);
  }
}

function headersOf(request: FeedRequest): Record<string, string> {
  const { whole, difference } = request.extensions ?? NO_EXTENSIONS;
  const headers: Record<string, string> = {
    'x-api-key': request.apiKey,
    accept: 'application/json',
    'user-agent': request.userAgent,
  };
  if (whole) {
    headers[CAPABILITIES_HEADER] = 'feed-whole';
    headers['accept-encoding'] = 'gzip';
  }
  if (request.etag !== undefined) {
    headers['if-none-match'] = request.etag;
    if (difference) headers['a-im'] = DIFFERENCE;
  }
  return headers;
}

async function readAnswer(
  answer: Dispatcher.ResponseData,
  request: FeedRequest,
  runtime: Runtime,
): Promise<FeedAnswer> {
  const { statusCode: status, headers, body } = answer;
  if (status === 200 || status === 204 || status === 226) {
    const reading = await readBody(body, single(headers['content-encoding']), BODY_BYTES_MAX);
    if (reading.kind === 'too-large') {
      return { kind: 'rejected', reason: `the body is larger than ${BODY_BYTES_MAX} bytes`, status };
    }
    if (reading.kind === 'unknown-encoding') {
      return { kind: 'rejected', reason: 'the body is compressed in a way that was not asked for', status };
    }
    const { parts } = reading;
    const etag = single(headers['etag']);
    if (status !== 226) {
      const isWhole = request.extensions?.whole === true;
      return { kind: 'body', status, parts, etag, revision: revisionOf(headers), isWhole };
    }
    if (single(headers['im'])?.trim().toLowerCase() !== DIFFERENCE) {
      return { kind: 'rejected', reason: 'a difference of an unknown kind', status };
    }
    return { kind: 'difference', parts, etag, baseEtag: single(headers['delta-base']) };
  }
  if (status === 304 && request.etag !== undefined) {
    await body.dump();
    return { kind: 'not-modified' };
  }
  const excerpt = await readExcerpt(body, ERROR_BODY_BYTES_MAX);
  runtime.log.debug('the rule feed answered with an error', { status, body: excerpt.slice(0, 300) });
  const isRedirect = status > 300 && status < 400 && status !== 304;
  const reason = isRedirect ? `HTTP ${status}, and redirects are not followed` : `HTTP ${status}`;
  if (status === 408 || status === 429 || status >= 500) {
    return { kind: 'retryable', reason, afterMs: parseRetryAfter(headers['retry-after'], runtime.now()) };
  }
  return { kind: 'rejected', reason, status };
}

function failureOf(error: unknown): FeedAnswer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  // undici refuses a header or a path before it is sent; trying again changes nothing. Its text may hold the header.
  if (code === 'UND_ERR_INVALID_ARG') {
    return { kind: 'rejected', reason: 'the key or the team id cannot be sent in a request', status: undefined };
  }
  if (/^(Z_|ERR_ZLIB|ERR_BUFFER)/.test(code)) {
    return { kind: 'rejected', reason: `the body cannot be unpacked (${code})`, status: undefined };
  }
  return { kind: 'retryable', reason: `no connection (${code})`, afterMs: undefined };
}

function revisionOf(headers: Dispatcher.ResponseData['headers']): number | undefined {
  const text = single(headers['fusewire-revision']);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}
