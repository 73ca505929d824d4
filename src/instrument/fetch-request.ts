/** What a call of `fetch` is about to send, in whatever form it is given, and the same call without usage metadata. */
import { carriedMetadata } from './split-usage-metadata.js';
import { splitBody } from './stainless-request.js';

/** What `fetch` is called with. */
export type FetchInput = string | URL | Request;

/** A call of `fetch`, read and cleaned. */
export interface FetchRequest {
  readonly method: string;
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
    url: request?.url ?? String(input),
    metadata,
    signal: init?.signal ?? request?.signal ?? undefined,
    input,
    init: carried ? withoutNames(given as object) : init,
  };
}

/**
 * Adds what the body says. A stream is left alone. The JSON of a `Request` is read from a copy of it, so that its model is
 * known before it is sent; any other body of a `Request` is left alone too.
 */
export async function readFetchBody(head: Omit<FetchRequest, 'fields'>): Promise<FetchRequest> {
  const { input, init } = head;
  const body: unknown = init?.body;
  if (body !== undefined && body !== null) {
    const readable = textOf(body, () => new Headers(init?.headers).get('content-type')) ?? body;
    const split = splitBody(readable);
    const cleaned = split.body === readable ? head : { ...head, init: { ...init, body: split.body } as RequestInit };
    return { ...cleaned, fields: split.fields, metadata: head.metadata ?? split.metadata };
  }
  if (!isRequest(input) || input.body === null || input.bodyUsed || !isJson(input.headers.get('content-type'))) {
    return { ...head, fields: undefined };
  }
  const text = await input.clone().text();
  const split = splitBody(text);
  const cleaned = split.body === text ? input : new Request(input, { body: split.body as string });
  return { ...head, input: cleaned, fields: split.fields, metadata: head.metadata ?? split.metadata };
}

/** JSON that is given as bytes. */
function textOf(body: unknown, contentType: () => string | null): string | undefined {
  const bytes = body instanceof ArrayBuffer ? new Uint8Array(body) : body;
  if (!(bytes instanceof Uint8Array)) return undefined;
  return isJson(contentType()) || bytes[0] === OPENING_BRACE ? new TextDecoder().decode(bytes) : undefined;
}

const OPENING_BRACE = 123;

function isJson(contentType: string | null): boolean {
  return /[/+]json\b/i.test(contentType ?? '');
}

/** Of another realm or make too: told by its parts. */
function isRequest(input: FetchInput): input is Request {
  return typeof input === 'object' && !(input instanceof URL) && 'url' in input && 'headers' in input;
}

function withoutNames(given: object): RequestInit {
  const { usageMetadata: _, usage_metadata: __, ...init } = given as Record<string, unknown>;
  return init as RequestInit;
}
