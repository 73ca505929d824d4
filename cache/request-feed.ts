/** Station 10, the network: one request for the feed, and what its answer means (contract 2.1, 2.2). */
import type { Dispatcher } from 'undici';
import type { Runtime } from '../src/runtime.js';
import { parseRetryAfter } from './retry-after.js';

/** A request that takes longer is given up (contract 2.11, D15). Milliseconds, from the first byte to the last. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** A connection that takes longer to stand is given up. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A larger body is not read: 100,000 rules are some 33 MB. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** Chunks are gathered up to here: a body of one-byte chunks must not become a list of millions. */
const PART_LENGTH_MIN = 65_536;
/** So much of an error's body is read, for the debug log. */
const ERROR_BODY_BYTES_MAX = 2_048;

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
    }
  | { readonly kind: 'not-modified' }
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
}

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
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = runtime.setTimer(stop, REQUEST_TIMEOUT_MS);
  request.signal.addEventListener('abort', stop);
  try {
    if (request.signal.aborted) return { kind: 'rejected', reason: 'stopped', status: undefined };
    const answer = await dispatcher.request({
      origin: request.origin,
      path: request.path,
      method: 'GET',
      headers: headersOf(request),
      signal: abort.signal,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    });
    return await readAnswer(answer, request, runtime);
  } catch (error) {
    if (request.signal.aborted) return { kind: 'rejected', reason: 'stopped', status: undefined };
    if (abort.signal.aborted) {
      return { kind: 'retryable', reason: `no answer within ${REQUEST_TIMEOUT_MS / 1000} s`, afterMs: undefined };
    }
    return failureOf(error);
  } finally {
    timer.cancel();
    request.signal.removeEventListener('abort', stop);
  }
}

function headersOf(request: FeedRequest): Record<string, string> {
  const headers: Record<string, string> = {
    'x-api-key': request.apiKey,
    accept: 'application/json',
    'user-agent': request.userAgent,
    // What we understand beyond the contract: a service may then send it.
    'fusewire-capabilities': 'feed-revision',
  };
  if (request.etag !== undefined) headers['if-none-match'] = request.etag;
  return headers;
}

async function readAnswer(
  answer: Dispatcher.ResponseData,
  request: FeedRequest,
  runtime: Runtime,
): Promise<FeedAnswer> {
  const { statusCode: status, headers, body } = answer;
  if (status === 200 || status === 204) {
    const parts = await readParts(body, BODY_BYTES_MAX);
    if (parts === undefined) {
      return { kind: 'rejected', reason: `the body is larger than ${BODY_BYTES_MAX} bytes`, status };
    }
    return { kind: 'body', status, parts, etag: single(headers['etag']), revision: revisionOf(headers) };
  }
  if (status === 304 && request.etag !== undefined) {
    await body.dump();
    return { kind: 'not-modified' };
  }
  const excerpt = await readParts(body, ERROR_BODY_BYTES_MAX, 'cut').catch(() => []);
  runtime.log.debug('the rule feed answered with an error', { status, body: excerpt?.join('').slice(0, 300) });
  const isRedirect = status > 300 && status < 400 && status !== 304;
  const reason = isRedirect ? `HTTP ${status}, and redirects are not followed` : `HTTP ${status}`;
  if (status === 408 || status === 429 || status >= 500) {
    return { kind: 'retryable', reason, afterMs: parseRetryAfter(headers['retry-after'], runtime.now()) };
  }
  return { kind: 'rejected', reason, status };
}

/** The body as text in parts, without a byte order mark; `undefined` if it is larger than `bytesMax` and may not be cut. */
async function readParts(
  body: Dispatcher.ResponseData['body'],
  bytesMax: number,
  tooLarge: 'cut' | 'refuse' = 'refuse',
): Promise<string[] | undefined> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop destroys the body, and with it the connection that would send the rest.
    if (bytes > bytesMax) {
      if (tooLarge === 'refuse') return undefined;
      break;
    }
    part += decoder.decode(chunk, { stream: true });
    if (part.length < PART_LENGTH_MIN) continue;
    parts.push(part);
    part = '';
  }
  parts.push(part + decoder.decode());
  return parts;
}

function failureOf(error: unknown): FeedAnswer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  // undici refuses a header or a path before it is sent; trying again changes nothing. Its text may hold the header.
  if (code === 'UND_ERR_INVALID_ARG') {
    return { kind: 'rejected', reason: 'the key or the team id cannot be sent in a request', status: undefined };
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
