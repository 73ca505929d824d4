/**
 * Watches what a caller reads of a `Response`, by whichever method, without changing it. The response and its streams
 * stay the very objects that fetch gave: single methods are laid over the instance. A wrapping stream would cost about
 * ten microseconds a chunk, and a new `Response` would lose `url`, `type` and `redirected`.
 */
import type { Attempt } from '../metering/attempt.js';
import type { UsageReader } from '../providers/adapter.js';
import { AnswerWatch, type WatchOptions } from './answer-watch.js';

/** A BYOB read that is pending at the end must be answered, with no bytes. */
type ByteController = { readonly byobRequest: { respond(bytes: number): void } | null };
type PipeOptions = Parameters<ReadableStream['pipeTo']>[1];
type ReadResult = { done: boolean; value?: Uint8Array | undefined };

/**
 * Answers that were read in part and then forgotten, without a cancel. Whoever can still read one holds its watch. Not
 * state of ours: an attempt knows its own instance, and nothing is looked up here.
 */
const FORGOTTEN = new FinalizationRegistry<Attempt>((attempt) => attempt.settle('abandoned'));

/**
 * Taps a response: the reader is fed with what is read, in order, before the caller gets it, and the attempt is settled
 * once: `completed` at the end of the body; `cancelled` when the caller cancels, breaks or aborts; `failed` when a read
 * fails, when an error came inside the answer, and, with the status and the error's message, when the status is 400 or
 * above. An answer that nobody reads is left to the attempt's own time limit. Returns the same response. Never throws.
 */
export function tapResponse(
  response: Response,
  attempt: Attempt,
  reader: UsageReader,
  options: WatchOptions,
): Response {
  attempt.answered(() => reader.reading());
  const head = { status: response.status, contentType: response.headers?.get('content-type') ?? '' };
  const watch = new AnswerWatch(head, attempt, reader, options);
  try {
    if (response.body === null) watch.end();
    else new ResponseTap(response, watch, attempt).lay();
  } catch {
    // A response that cannot be watched (frozen, or of a foreign kind) passes as it is; the attempt ends by its time limit.
  }
  return response;
}

/** Lays the watching methods over one response and, when it is first asked for, over its body. */
class ResponseTap {
  readonly #response: Response;
  readonly #watch: AnswerWatch;
  readonly #attempt: Attempt;
  /** Serves the body: the response itself, or after `clone()` a response on one branch of the watched stream. */
  #source: Response | undefined;
  #tappedBody: ReadableStream<Uint8Array> | undefined;

  constructor(response: Response, watch: AnswerWatch, attempt: Attempt) {
    this.#response = response;
    this.#watch = watch;
    this.#attempt = attempt;
  }

  lay(): void {
    const response = this.#response;
    const watch = this.#watch;
    const prototypeBody = bodyGetterOf(response);
    const originalBody = () => prototypeBody.call(response) as ReadableStream<Uint8Array> | null;
    define(
      response,
      'json',
      this.#method('json', (value) => watch.json(value)),
    );
    define(
      response,
      'text',
      this.#method('text', (text) => watch.text(text as string)),
    );
    for (const name of ['arrayBuffer', 'bytes', 'blob', 'formData'] as const) this.#layBytes(name);
    Object.defineProperty(response, 'body', {
      configurable: true,
      get: () => {
        if (this.#source !== undefined) return this.#source.body;
        const body = originalBody();
        if (body === null || body === undefined || body === this.#tappedBody) return body;
        this.#tappedBody = body;
        tapStream(body, watch);
        FORGOTTEN.register(watch, this.#attempt);
        return body;
      },
    });
    if (typeof response.clone === 'function') define(response, 'clone', () => this.#clone());
  }

  /** A body method that is told its result; `told` may give another one back. */
  #method(name: 'json' | 'text', told: (value: unknown) => unknown): () => Promise<unknown> {
    const original = this.#response[name];
    return () => {
      if (this.#source !== undefined) return this.#source[name]();
      // Reading twice is the caller's mistake and no end of the attempt: the error passes, unwatched.
      if (this.#response.bodyUsed || this.#tappedBody?.locked) return original.call(this.#response);
      this.#watch.progressed();
      // With a rewrite, JSON is parsed from the rewritten text; nobody reads an event stream as JSON.
      return (original.call(this.#response) as Promise<unknown>).then(
        (value) => {
          const replaced = told(value);
          return replaced === undefined ? value : replaced;
        },
        (error) => {
          this.#watch.failed(error);
          throw error;
        },
      );
    };
  }

  #layBytes(name: 'arrayBuffer' | 'bytes' | 'blob' | 'formData'): void {
    const response = this.#response as unknown as Record<string, unknown>;
    const original = response[name] as ((...args: unknown[]) => Promise<unknown>) | undefined;
    if (typeof original !== 'function') return;
    define(response, name, async () => {
      const source = this.#source as unknown as Record<string, () => Promise<unknown>> | undefined;
      if (source !== undefined) return source[name]!();
      if (this.#response.bodyUsed || this.#tappedBody?.locked) return original.call(response);
      this.#watch.progressed();
      const value = await original.call(response).catch((error: unknown) => {
        this.#watch.failed(error);
        throw error;
      });
      if (name === 'formData') return this.#ended(value);
      const bytes = value instanceof Blob ? new Uint8Array(await value.arrayBuffer()) : bytesOf(value);
      const passed = this.#watch.bytes(bytes);
      const held = this.#watch.end();
      if (passed === bytes && held.length === 0) return value;
      const rewritten = new Uint8Array(Buffer.concat([passed, held]));
      if (value instanceof Blob) return new Blob([rewritten], { type: value.type });
      return value instanceof ArrayBuffer ? rewritten.buffer : rewritten;
    });
  }

  #ended<T>(value: T): T {
    this.#watch.end();
    return value;
  }

  /** Both copies read from one watched stream, so the answer is seen once and its end is the end of both. */
  #clone(): Response {
    if (this.#source !== undefined) return withHeadOf(this.#source.clone(), this.#response);
    const body = this.#response.body;
    if (body === null || this.#response.bodyUsed || body.locked) return Response.prototype.clone.call(this.#response);
    const [left, right] = body.tee();
    const { status, statusText, headers } = this.#response;
    this.#source = new Response(left, { status, statusText, headers });
    Object.defineProperty(this.#response, 'bodyUsed', { configurable: true, get: () => this.#source!.bodyUsed });
    return withHeadOf(new Response(right, { status, statusText, headers }), this.#response);
  }
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
  const next = () => read.call(reader) as Promise<ReadResult>;
  define(reader, 'read', () => pull(next, watch));
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
  const next = () => original.call(iterator) as Promise<ReadResult>;
  define(iterator, 'next', () => pull(next, watch));
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

/** One read of the caller. Where a rewrite leaves nothing of a chunk, the next one is read. */
function pull(next: () => Promise<ReadResult>, watch: AnswerWatch): Promise<ReadResult> {
  watch.progressed();
  if (watch.deferred !== undefined) return Promise.reject(watch.deferred.error);
  return next().then(
    (result) => {
      const { value } = result;
      if (result.done) {
        const held = watch.end();
        return held.length === 0 ? result : { done: false, value: held };
      }
      if (!(value instanceof Uint8Array)) return result;
      const passed = watch.bytes(value);
      if (passed === value) return result;
      return passed.length === 0 ? pull(next, watch) : { done: false, value: passed };
    },
    (error: unknown) => {
      // The reader was released under a pending read: somebody else may go on reading.
      if (isReleased(error)) throw error;
      const held = watch.failed(error);
      if (held.length === 0) throw error;
      watch.deferred = { error };
      return { done: false, value: held };
    },
  );
}

function isReleased(error: unknown): boolean {
  return error instanceof TypeError && Reflect.get(error, 'code') === 'ERR_INVALID_STATE';
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
