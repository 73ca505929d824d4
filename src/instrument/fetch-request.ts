/** What a call of `fetch` is about to send, in whatever form it is given, and the same call without usage metadata. */
import { FAL_TARGET_HEADER, isFalHost } from '../providers/fal-url.js';
import type { Runtime } from '../runtime.js';
import { WHOLE_BYTES_MAX } from './answer-watch.js';
import { carriedMetadata } from './split-usage-metadata.js';
import { splitBody } from './stainless-request.js';

/** What `fetch` is called with. */
export type FetchInput = string | URL | Request;

/** A call of `fetch`, read and cleaned. */
export interface FetchRequest {
  readonly method: string;
  /** The address as whoever is asked reads it: {@link addressOf}. Behind a proxy for fal, the one that a header names. */
  readonly url: string;
  /** The body's fields, or `undefined` where it holds none or cannot be read without using it up. */
  readonly fields: unknown;
  readonly metadata: unknown;
  readonly signal: AbortSignal | undefined;
  /** The arguments that may leave. The very same where nothing had to be taken out. */
  readonly input: FetchInput;
  readonly init: RequestInit | undefined;
}

/** Reads a call without its body: where it goes, and with which metadata. */
export function readFetchHead(input: FetchInput, given: object | undefined): Omit<FetchRequest, 'fields'> {
  const request = isRequest(input) ? input : undefined;
  const init = given as RequestInit | undefined;
  const { carried, metadata } = carriedMetadata(given ?? {});
  return {
    method: (init?.method ?? request?.method ?? 'GET').toUpperCase(),
    url: falTargetOf(init?.headers ?? request?.headers) ?? addressOf(input),
    metadata,
    signal: init?.signal ?? request?.signal ?? undefined,
    input,
    init: carried ? withoutNames(given as object) : init,
  };
}

/**
 * Adds what the body says. A stream is left alone. The JSON of a `Request` is read from a copy of it, so that its model is
 * known before it is sent, as long as it comes at once and is no longer than an answer may be; any other body of a
 * `Request` is left alone too.
 */
export async function readFetchBody(
  head: Omit<FetchRequest, 'fields'>,
  runtime: Pick<Runtime, 'setTimer'>,
): Promise<FetchRequest> {
  const { input, init } = head;
  const body: unknown = init?.body;
  if (body !== undefined && body !== null) {
    const readable = (await textOf(body, () => new Headers(init?.headers).get('content-type'))) ?? body;
    const split = splitBody(readable);
    const cleaned = split.body === readable ? head : { ...head, init: { ...init, body: split.body } as RequestInit };
    return { ...cleaned, fields: split.fields, metadata: head.metadata ?? split.metadata };
  }
  if (!isRequest(input) || input.body === null || input.bodyUsed || !mayBeJson(input.headers.get('content-type'))) {
    return { ...head, fields: undefined };
  }
  const text = await textOfCopy(input, runtime);
  if (text === undefined) return { ...head, fields: undefined };
  const split = splitBody(text);
  const cleaned = split.body === text ? input : new Request(input, { body: split.body as string });
  return { ...head, input: cleaned, fields: split.fields, metadata: head.metadata ?? split.metadata };
}

/** Whether `fetch` fails without a request: it was aborted before, or its body was sent already. */
export function cannotLeave({ input, init, signal }: Omit<FetchRequest, 'fields'>): boolean {
  if (signal?.aborted === true) return true;
  return isRequest(input) && input.bodyUsed && (init?.body ?? null) === null;
}

/**
 * The address of a request in one form: without user and default port, without the dot that may end a host's name, and
 * with letters and digits of the path as such. What is no URL stays what it is.
 */
export function addressOf(input: FetchInput): string {
  const given = isRequest(input) ? input.url : String(input);
  if (!URL.canParse(given)) return given;
  const url = new URL(given);
  url.username = '';
  url.password = '';
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
  if (url.pathname.includes('%')) {
    url.pathname = url.pathname.replace(/%(?:[46][1-9a-f]|[57][0-9a]|3\d|2[de]|5f|7e)/gi, decodeURIComponent);
  }
  return url.href;
}

function falTargetOf(headers: RequestInit['headers']): string | undefined {
  if (headers === undefined || headers === null) return undefined;
  const target = new Headers(headers).get(FAL_TARGET_HEADER);
  return target !== null && URL.canParse(target) && isFalHost(new URL(target).hostname) ? target : undefined;
}

/** A body that is given in another form than as text, where it may hold JSON. `fetch` makes text of any other object. */
async function textOf(body: unknown, contentType: () => string | null): Promise<string | undefined> {
  if (body instanceof Blob) {
    return body.size <= WHOLE_BYTES_MAX && mayBeJson(body.type) ? body.text() : undefined;
  }
  const bytes = bytesOf(body);
  if (bytes !== undefined) {
    const first = bytes.subarray(0, BLANKS_MAX).find((byte) => byte > 32);
    return isJson(contentType()) || first === OPENING_BRACE ? new TextDecoder().decode(bytes) : undefined;
  }
  const isOther = body instanceof FormData || body instanceof URLSearchParams || Symbol.asyncIterator in Object(body);
  return typeof body === 'object' && !isOther ? String(body) : undefined;
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** A body is there at once; what takes longer is written while it is sent, and is not waited for. */
const PATIENCE_MS = 1_000;

async function textOfCopy(request: Request, runtime: Pick<Runtime, 'setTimer'>): Promise<string | undefined> {
  const reader = (request.clone().body as ReadableStream<Uint8Array>).getReader();
  let cancelTimer = (): void => undefined;
  const late = new Promise<undefined>((resolve) => {
    const timer = runtime.setTimer(() => resolve(undefined), PATIENCE_MS, { keepAlive: true });
    cancelTimer = () => timer.cancel();
  });
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const result = await Promise.race([reader.read(), late]);
      if (result?.done === true) return Buffer.concat(parts).toString('utf8');
      size += result?.value.byteLength ?? 0;
      if (result === undefined || size > WHOLE_BYTES_MAX) return undefined;
      parts.push(result.value);
    }
  } finally {
    cancelTimer();
    // The copy goes; the request itself is still all there.
    reader.cancel().catch(() => undefined);
  }
}

const OPENING_BRACE = 123;
const BLANKS_MAX = 64;

function isJson(contentType: string | null): boolean {
  return /[/+]json\b/i.test(contentType ?? '');
}

/** As JSON, or as what `fetch` calls a text whose type nobody named. */
function mayBeJson(contentType: string | null): boolean {
  return contentType === null || contentType === '' || /^text\/plain\b/i.test(contentType) || isJson(contentType);
}

/** Of another realm or make too: told by its parts. */
function isRequest(input: FetchInput): input is Request {
  return typeof input === 'object' && !(input instanceof URL) && 'url' in input && 'headers' in input;
}

function withoutNames(given: object): RequestInit {
  const { usageMetadata: _, usage_metadata: __, ...init } = given as Record<string, unknown>;
  return init as RequestInit;
}
