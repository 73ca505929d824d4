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
  /** Instead of connections of its own; for tests. */
  readonly dispatcher?: Dispatcher;
}

/** Sends and reads. */
export interface Poster {
  /** Never rejects: what went wrong is in the answer. `signal` gives the request up. */
  post(url: URL, headers: Record<string, string>, body: string, signal: AbortSignal): Promise<DeliveryAnswer>;
  /** Gives up connections that are not established yet: only they can hold the process. */
  dropConnecting(): void;
  /** Closes all connections. */
  close(): Promise<void>;
}

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
    async post(url, headers, body, signal) {
      const timeout = new AbortController();
      const giveUp = () => timeout.abort();
      signal.addEventListener('abort', giveUp, { once: true });
      const timer = options.runtime.setTimer(giveUp, options.timeoutMs);
      try {
        const dispatcher = await dispatcherOf(url.origin);
        const request = { origin: url.origin, path: url.pathname, method: 'POST', headers, body } as const;
        const response = await dispatcher.request({ ...request, signal: timeout.signal });
        return await readResponse(response);
      } catch (error) {
        if (timeout.signal.aborted && !signal.aborted) return { kind: 'none', reason: 'no answer in time' };
        return { kind: 'none', reason: describe(error) };
      } finally {
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
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
    neverHold(socket);
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

async function readResponse(response: Dispatcher.ResponseData): Promise<DeliveryAnswer> {
  const { statusCode: status, headers, body } = response;
  if (status >= 200 && status < 300) {
    // The head says that the event was taken. A body that breaks changes nothing about it.
    await body.dump().catch(() => {});
    return { kind: 'answer', status, headers, body: '' };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= ERROR_BODY_MAX_BYTES) break;
    }
  } catch {
    // The status is enough.
  }
  const text = Buffer.concat(chunks).toString('utf8', 0, ERROR_BODY_MAX_BYTES);
  return { kind: 'answer', status, headers, body: text };
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
