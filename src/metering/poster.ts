/** Posts one body over HTTP, on connections that never hold the process. */
import { Socket } from 'node:net';
import type { buildConnector, Dispatcher, Pool } from 'undici';
import type { Runtime } from '../runtime.js';
import type { DeliveryAnswer } from './read-answer.js';

/** Options of {@link createPoster}. */
export interface PosterOptions {
  readonly runtime: Runtime;
  /** Connections to one origin. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** Of one request, from the first byte sent to the last received. */
  readonly timeoutMs: number;
  /** Whether requests hold the process: for those that somebody waits for. @defaultValue `false` */
  readonly holdsProcess?: boolean;
  /** Instead of connections of its own; for tests. */
  readonly dispatcher?: Dispatcher;
}

/** Where a body goes: an origin, and a path that begins with a slash. */
export interface PostTarget {
  readonly origin: string;
  readonly path: string;
  /** @defaultValue `POST` */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
}

/** Sends and reads. */
export interface Poster {
  /**
   * Never rejects: what went wrong is in the answer. `signal` gives the request up. The body of a success is read only
   * where `bodyBytesMax` says up to which size; one that is longer counts as no answer.
   */
  post(
    target: PostTarget,
    headers: Record<string, string>,
    body: string,
    signal: AbortSignal,
    bodyBytesMax?: number,
  ): Promise<DeliveryAnswer>;
  /** Gives up connections that are not established yet: only they can hold the process. */
  dropConnecting(): void;
  /** Closes all connections. */
  close(): Promise<void>;
}

type DeliveryAnswerHeaders = Extract<DeliveryAnswer, { kind: 'answer' }>['headers'];

/** The beginning of an error's body is enough to say what is wrong. */
const ERROR_BODY_MAX_BYTES = 4096;

/** Creates a poster. undici is loaded with the first request: importing it takes as long as all of the SDK. */
export function createPoster(options: PosterOptions): Poster {
  const connecting = new Set<Socket>();
  let current: { readonly origin: string; readonly pool: Promise<Dispatcher> } | undefined;

  const dispatcherOf = (origin: string): Promise<Dispatcher> => {
    if (options.dispatcher !== undefined) return Promise.resolve(options.dispatcher);
    if (current?.origin !== origin) {
      closeLater(current?.pool);
      current = { origin, pool: openPool(origin, options, connecting) };
    }
    return current.pool;
  };
  return {
    async post(target, headers, body, signal, bodyBytesMax = 0) {
      try {
        const dispatcher = await dispatcherOf(target.origin);
        if (signal.aborted) return { kind: 'none', reason: 'given up' };
        const exchange = new Exchange(options.runtime, options.timeoutMs, signal, bodyBytesMax);
        return await exchange.run(dispatcher, target, headers, body);
      } catch (error) {
        return { kind: 'none', reason: describe(error) };
      }
    },
    dropConnecting() {
      for (const socket of connecting) socket.destroy();
    },
    async close() {
      const pool = current?.pool;
      current = undefined;
      for (const socket of connecting) socket.destroy();
      await (await pool?.catch(() => undefined))?.destroy().catch(() => {});
    },
  };
}

async function openPool(origin: string, options: PosterOptions, connecting: Set<Socket>): Promise<Pool> {
  const undici = await import('undici');
  const connector = undici.buildConnector({ timeout: options.connectTimeoutMs });
  const connect: buildConnector.connector = (target, done) => {
    // The connector returns its socket, which its type does not say.
    const socket: unknown = connector(target, (...result: Parameters<typeof done>) => {
      if (socket instanceof Socket) connecting.delete(socket);
      done(...result);
    });
    if (!(socket instanceof Socket)) return;
    connecting.add(socket);
    if (options.holdsProcess !== true) neverHold(socket);
  };
  return new undici.Pool(origin, {
    connections: options.connections,
    connect,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
  });
}

/** undici refs a socket while a request is on it; the end of the process is up to the flush, which has a time limit. */
function neverHold(socket: Socket): void {
  socket.unref();
  socket.ref = () => socket;
}

/**
 * One request and its answer. `dispatch` and a handler instead of `request`: no body stream, no abort signal of its own,
 * a third of the CPU, on the thread that makes the caller's calls.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #bodyBytesMax: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #gaveUp: string | undefined;
  #status = 0;
  #headers: DeliveryAnswerHeaders = {};
  #body = '';
  #finish: (answer: DeliveryAnswer) => void = () => {};

  constructor(runtime: Runtime, timeoutMs: number, signal: AbortSignal, bodyBytesMax: number) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#bodyBytesMax = bodyBytesMax;
  }

  run(
    dispatcher: Dispatcher,
    target: PostTarget,
    headers: Record<string, string>,
    body: string,
  ): Promise<DeliveryAnswer> {
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimer(() => this.#giveUp('no answer in time'), this.#timeoutMs);
      const onAbort = () => this.#giveUp('given up');
      this.#signal.addEventListener('abort', onAbort);
      this.#finish = (answer) => {
        this.#finish = () => {};
        timer.cancel();
        this.#signal.removeEventListener('abort', onAbort);
        resolve(answer);
      };
      const { origin, path, method = 'POST' } = target;
      const request = { origin, path, method, headers, body: body === '' ? null : body };
      try {
        dispatcher.dispatch(request, this);
      } catch (error) {
        this.#finish({ kind: 'none', reason: describe(error) });
      }
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#gaveUp !== undefined) controller.abort(new Error(this.#gaveUp));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: DeliveryAnswerHeaders): void {
    this.#status = status;
    this.#headers = headers;
    // The head says that the event was taken. Its body is read and forgotten, however it ends.
    if (this.#isGood && this.#bodyBytesMax === 0) this.#finish(this.#answer());
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isGood) {
      if (this.#body.length < ERROR_BODY_MAX_BYTES) this.#body += chunk.toString('utf8', 0, ERROR_BODY_MAX_BYTES);
    } else if (this.#bodyBytesMax > 0) {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#bodyBytesMax) this.#giveUp('the answer is too long');
      else this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.#isGood) this.#body = Buffer.concat(this.#chunks).toString('utf8');
    this.#finish(this.#answer());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // The status is enough, unless the body is what was asked for.
    const isEnough = this.#status !== 0 && !(this.#isGood && this.#bodyBytesMax > 0);
    if (isEnough && this.#gaveUp === undefined) this.#finish(this.#answer());
    else this.#finish({ kind: 'none', reason: this.#gaveUp ?? describe(error) });
  }

  /** Answers at once: a request that waits for a connection is only told when it gets one. */
  #giveUp(reason: string): void {
    this.#gaveUp = reason;
    this.#controller?.abort(new Error(reason));
    this.#finish({ kind: 'none', reason });
  }

  get #isGood(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #answer(): DeliveryAnswer {
    const body = this.#isGood ? this.#body : this.#body.slice(0, ERROR_BODY_MAX_BYTES);
    return { kind: 'answer', status: this.#status, headers: this.#headers, body };
  }
}

function closeLater(pool: Promise<Dispatcher> | undefined): void {
  pool?.then(
    (dispatcher) => dispatcher.close().catch(() => {}),
    () => {},
  );
}

function describe(error: unknown): string {
  const code: unknown = Reflect.get(Object(error), 'code');
  const message: unknown = Reflect.get(Object(error), 'message');
  return [code, message].filter((part) => typeof part === 'string' && part !== '').join(': ') || String(error);
}
