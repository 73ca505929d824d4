/**
 * Watches what a caller reads of a `Response`, by whichever method, without changing it. The response and its streams
 * stay the very objects that fetch gave: single methods are laid over the instance. A wrapping stream would cost about
 * ten microseconds a chunk, and a new `Response` would lose `url`, `type` and `redirected`.
 */
import type { UsageReader } from '../providers/adapter.js';
import { AnswerWatch, type WatchedAttempt, type WatchOptions } from './answer-watch.js';
import { coverOf, type StreamCover } from './stream-cover.js';
import { pullFrom, type ReadResult } from './watched-pull.js';

/** A BYOB read that is pending at the end must be answered, with no bytes. */
type ByteController = { readonly byobRequest: { respond(bytes: number): void } | null };
type PipeOptions = Parameters<ReadableStream['pipeTo']>[1];

/**
 * Answers that were read in part and then forgotten, without a cancel. Whoever can still read one holds its watch. Not
 * state of ours: an attempt knows its own instance, and nothing is looked up here.
 */
const FORGOTTEN = new FinalizationRegistry<WatchedAttempt>((attempt) => attempt.settle('abandoned'));

/**
 * Taps a response: the reader is fed with what is read, in order, before the caller gets it, and the attempt is settled
 * once: `completed` at the end of the body; `cancelled` when the caller cancels, breaks or aborts; `failed` when a read
 * fails, when an error came inside the answer, and, with the status and the error's message, when the status is 400 or
 * above. An answer that nobody reads is left to the attempt's own time limit. Returns the same response. Never throws.
 */
export function tapResponse(
  response: Response,
  attempt: WatchedAttempt,
  reader: UsageReader,
  options: WatchOptions,
): Response {
  try {
    const { status } = response;
    const cover =
      attempt.hold === undefined || !options.streaming ? undefined : coverOfResponse(response, attempt, options);
    const covered = cover === undefined ? options : { ...options, cover };
    attempt.answered(cover === undefined ? () => reader.reading() : () => cover.reading(reader.reading()), status);
    tellHead(response, reader);
    const head = { status, contentType: response.headers?.get('content-type') ?? '' };
    const watch = new AnswerWatch(head, attempt, reader, covered);
    if (response.body === null) watch.end();
    else new ResponseTap(response, watch, attempt).lay();
  } catch {
    // A response that cannot be watched (frozen, or of a foreign kind) passes as it is; the attempt ends by its time limit.
    attempt.answered(() => reader.reading());
  }
  return response;
}

/** A reader that trips over a head costs the counts, never the answer (I2). */
function tellHead(response: Response, reader: UsageReader): void {
  try {
    reader.responseHead?.(response.status, (name) => response.headers?.get(name) ?? undefined);
  } catch {
    // What the head would have said stays unknown.
  }
}

const CHARACTERS_PER_TOKEN = 4;

/** The cover of a streamed answer whose attempt was admitted against a hold. */
function coverOfResponse(
  response: Response,
  attempt: WatchedAttempt,
  { rewrite }: WatchOptions,
): StreamCover | undefined {
  const { hold, request, id = 'cut' } = attempt;
  return coverOf(hold, request, {
    inputTokens: () => Math.ceil((request?.promptText().length ?? 0) / CHARACTERS_PER_TOKEN),
    nowMs: () => Date.parse(response.headers?.get('date') ?? '') || 0,
    newId: () => id,
    // Usage that we asked for is taken out again; the caller did not.
    isUsageAsked: rewrite === undefined ? undefined : false,
  });
}

type BytesMethod = (typeof BYTES_METHODS)[number];
type BodyMethod = BytesMethod | 'json' | 'text';
type AnyMethod = (this: Response) => Promise<unknown>;
const BYTES_METHODS = ['arrayBuffer', 'bytes', 'blob', 'formData'] as const;

/** Lays the watching methods over one response and, when it is first asked for, over its body. */
class ResponseTap {
  readonly #response: Response;
  readonly #watch: AnswerWatch;
  readonly #attempt: WatchedAttempt;
  readonly #originals: Readonly<Record<BodyMethod, AnyMethod | undefined>>;
  readonly #originalBody: (this: Response) => unknown;
  /** Serves the body: the response itself, or after `clone()` a response on one branch of the watched stream. */
  #source: Response | undefined;
  #tappedBody: ReadableStream<Uint8Array> | undefined;

  constructor(response: Response, watch: AnswerWatch, attempt: WatchedAttempt) {
    this.#response = response;
    this.#watch = watch;
    this.#attempt = attempt;
    const { json, text, arrayBuffer, blob, formData } = response;
    const { bytes } = response as { bytes?: AnyMethod };
    this.#originals = { json, text, arrayBuffer, bytes, blob, formData };
    this.#originalBody = bodyGetterOf(response);
  }

  /**
   * The same functions for every response: with one closure each, V8 makes a hidden class for every response and keeps
   * what the closure holds until the next full collection, which doubled the garbage of a call (Node 20).
   */
  lay(): void {
    const response = this.#response;
    Object.defineProperty(response, TAP, { value: this });
    Object.defineProperty(response, 'json', LAID.json);
    Object.defineProperty(response, 'text', LAID.text);
    for (const name of BYTES_METHODS) {
      if (typeof this.#originals[name] === 'function') Object.defineProperty(response, name, LAID[name]);
    }
    Object.defineProperty(response, 'body', LAID.body);
    if (typeof response.clone === 'function') Object.defineProperty(response, 'clone', LAID.clone);
  }

  body(): unknown {
    if (this.#source !== undefined) return this.#source.body;
    const body = this.#originalBody.call(this.#response) as ReadableStream<Uint8Array> | null | undefined;
    if (body === null || body === undefined || body === this.#tappedBody) return body;
    this.#tappedBody = body;
    tapStream(body, this.#watch);
    FORGOTTEN.register(this.#watch, this.#attempt);
    return body;
  }

  /** A stream that may have to be cut is read as one, also by who wants all of it at once. */
  #asStream(): Response | undefined {
    if (this.#source === undefined && this.#watch.cover?.cuts === true && !this.#isTaken()) {
      const { body } = this.#response;
      if (body !== null && typeof body.getReader === 'function') this.#readFrom(deriveStream(body.getReader()));
    }
    return this.#source;
  }

  #readFrom(stream: ReadableStream<Uint8Array>): void {
    const { status, statusText, headers } = this.#response;
    this.#source = new Response(stream, { status, statusText, headers });
    Object.defineProperty(this.#response, 'bodyUsed', { configurable: true, get: () => this.#source!.bodyUsed });
  }

  /** Reading twice is the caller's mistake and no end of the attempt: the error passes, unwatched. */
  #isTaken(): boolean {
    return this.#response.bodyUsed || this.#tappedBody?.locked === true;
  }

  json(): Promise<unknown> {
    const source = this.#asStream();
    if (source !== undefined) return source.json();
    const original = this.#originals.json!;
    if (this.#isTaken()) return original.call(this.#response);
    this.#watch.progressed();
    // With a rewrite, JSON is parsed from the rewritten text; nobody reads an event stream as JSON.
    return original.call(this.#response).then(
      (value) => {
        this.#watch.json(value);
        return value;
      },
      (error) => this.#failed(error),
    );
  }

  text(): Promise<unknown> {
    const source = this.#asStream();
    if (source !== undefined) return source.text();
    const original = this.#originals.text!;
    if (this.#isTaken()) return original.call(this.#response);
    this.#watch.progressed();
    return original.call(this.#response).then(
      (text) => this.#watch.text(text as string),
      (error) => this.#failed(error),
    );
  }

  #failed(error: unknown): never {
    this.#watch.failed(error);
    throw error;
  }

  async bytes(name: BytesMethod): Promise<unknown> {
    const source = this.#asStream() as unknown as Record<string, () => Promise<unknown>> | undefined;
    if (source !== undefined) return source[name]!();
    const original = this.#originals[name]!;
    if (this.#isTaken()) return original.call(this.#response);
    this.#watch.progressed();
    const value = await original.call(this.#response).catch((error: unknown) => this.#failed(error));
    if (name === 'formData') return this.#ended(value);
    const bytes = value instanceof Blob ? new Uint8Array(await value.arrayBuffer()) : bytesOf(value);
    const passed = this.#watch.bytes(bytes);
    const held = this.#watch.end();
    if (passed === bytes && held.length === 0) return value;
    const rewritten = new Uint8Array(Buffer.concat([passed, held]));
    if (value instanceof Blob) return new Blob([rewritten], { type: value.type });
    return value instanceof ArrayBuffer ? rewritten.buffer : rewritten;
  }

  #ended<T>(value: T): T {
    this.#watch.end();
    return value;
  }

  /** Both copies read from one watched stream, so the answer is seen once and its end is the end of both. */
  clone(): Response {
    if (this.#source !== undefined) return withHeadOf(this.#source.clone(), this.#response);
    const body = this.#response.body;
    if (body === null || this.#response.bodyUsed || body.locked) return Response.prototype.clone.call(this.#response);
    const [left, right] = body.tee();
    this.#readFrom(left);
    const { status, statusText, headers } = this.#response;
    return withHeadOf(new Response(right, { status, statusText, headers }), this.#response);
  }
}

/** On a response: its tap. */
const TAP = Symbol('fusewire.tap');
type Tapped = Response & { readonly [TAP]: ResponseTap };

const LAID = {
  json: laid(function (this: Tapped) {
    return this[TAP].json();
  }),
  text: laid(function (this: Tapped) {
    return this[TAP].text();
  }),
  arrayBuffer: laidBytes('arrayBuffer'),
  bytes: laidBytes('bytes'),
  blob: laidBytes('blob'),
  formData: laidBytes('formData'),
  clone: laid(function (this: Tapped) {
    return this[TAP].clone();
  }),
  body: {
    configurable: true,
    get(this: Tapped) {
      return this[TAP].body();
    },
  },
};

function laid(value: (this: Tapped) => unknown): PropertyDescriptor {
  return { value, configurable: true, writable: true };
}

function laidBytes(name: BytesMethod): PropertyDescriptor {
  return laid(function () {
    return this[TAP].bytes(name);
  });
}

/** What `new Response` cannot be given. */
function withHeadOf(copy: Response, original: Response): Response {
  for (const name of ['url', 'redirected', 'type'] as const) {
    Object.defineProperty(copy, name, { configurable: true, value: original[name] });
  }
  return copy;
}

/** Lays the watching methods over a body stream. */
function tapStream(stream: ReadableStream<Uint8Array>, watch: AnswerWatch): void {
  if (typeof stream.getReader !== 'function') {
    tapForeignStream(stream as unknown as AsyncIterable<Uint8Array>, watch);
    return;
  }
  const { getReader, values, cancel } = stream;
  const watchedReader = () => tapReader(getReader.call(stream) as ReadableStreamDefaultReader<Uint8Array>, watch);
  const derived = () => deriveStream(watchedReader());
  define(stream, 'getReader', (options?: { mode?: 'byob' }) =>
    options?.mode === 'byob' ? derived().getReader({ mode: 'byob' }) : watchedReader(),
  );
  define(stream, 'tee', () => derived().tee());
  define(stream, 'pipeTo', (sink: WritableStream, options?: PipeOptions) => derived().pipeTo(sink, options));
  define(stream, 'pipeThrough', (pair: TransformStream, options?: PipeOptions) => derived().pipeThrough(pair, options));
  define(stream, 'cancel', (reason?: unknown) => {
    const done = cancel.call(stream, reason);
    if (!stream.locked) watch.cancelled();
    return done;
  });
  const iterate = (options?: { preventCancel?: boolean }) => {
    const iterator = values.call(stream, options) as AsyncIterableIterator<Uint8Array>;
    return tapIterator(iterator, watch, options?.preventCancel === true);
  };
  define(stream, 'values', iterate);
  define(stream, Symbol.asyncIterator, iterate);
}

function tapReader(reader: ReadableStreamDefaultReader<Uint8Array>, watch: AnswerWatch) {
  const { read, cancel } = reader;
  define(
    reader,
    'read',
    pullFrom(
      () => read.call(reader) as Promise<ReadResult>,
      () => cancel.call(reader),
      watch,
    ),
  );
  define(reader, 'cancel', (reason?: unknown) => {
    const done = cancel.call(reader, reason);
    watch.cancelled();
    return done;
  });
  return reader;
}

function tapIterator(
  iterator: AsyncIterableIterator<Uint8Array>,
  watch: AnswerWatch,
  preventCancel: boolean,
): AsyncIterableIterator<Uint8Array> {
  const original = iterator.next;
  const stop = iterator.return;
  define(
    iterator,
    'next',
    pullFrom(
      () => original.call(iterator) as Promise<ReadResult>,
      () => stop?.call(iterator),
      watch,
    ),
  );
  if (stop !== undefined) {
    define(iterator, 'return', (value?: unknown) => {
      const done = stop.call(iterator, value);
      if (!preventCancel) watch.cancelled();
      return done;
    });
  }
  return iterator;
}

/** A Node stream, as `node-fetch` gives: read by iteration. */
function tapForeignStream(stream: AsyncIterable<Uint8Array>, watch: AnswerWatch): void {
  const iterate = stream[Symbol.asyncIterator];
  if (typeof iterate !== 'function') return;
  define(stream, Symbol.asyncIterator, () =>
    tapIterator(iterate.call(stream) as AsyncIterableIterator<Uint8Array>, watch, false),
  );
}

/** A byte stream of what a watched reader gives, for operations that would otherwise go past it. */
function deriveStream(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) {
        // Enqueuing takes a chunk's memory away; the copy leaves the original to whoever else holds it.
        controller.enqueue(new Uint8Array(value));
        return;
      }
      controller.close();
      (controller as unknown as ByteController).byobRequest?.respond(0);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function bodyGetterOf(response: Response): () => unknown {
  let owner: object | null = response;
  while (owner !== null) {
    const found = Object.getOwnPropertyDescriptor(owner, 'body');
    if (found !== undefined) return found.get ?? (() => found.value);
    owner = Object.getPrototypeOf(owner);
  }
  return () => undefined;
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : (value as Uint8Array);
}

function define(target: object, name: string | symbol, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}
