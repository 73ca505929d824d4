/**
 * The listener of the gateway: node:http as it is, for nothing on the proxied path may cost more. Everything that clients
 * can do wrong on a connection ends here, bounded in bytes and in time; whole requests are handed on as exchanges.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Log, Runtime } from 'fusewire/internal';
import { requestIdOf } from '../../http/request-id.js';
import type { GatewayLimits } from '../types.js';
import { clientFailure, writeRawFailure } from './client-errors.js';
import { type Cors, createCors } from './cors.js';
import { Exchange } from './exchange.js';
import { Failure, unavailable } from './failure.js';
import type { GatewayMetrics } from './gateway-metrics.js';
import { sendFailure } from './own-answers.js';
import type { RequestLog } from './request-log.js';
import { dialectOf, surfaceOf } from './surfaces.js';

/** What {@link createGatewayServer} stands on. */
export interface GatewayServerParts {
  readonly limits: GatewayLimits;
  readonly runtime: Pick<Runtime, 'monotonicNow' | 'newId' | 'setTimer'>;
  readonly log: Log;
  readonly metrics: GatewayMetrics;
  readonly requestLog: RequestLog;
  /** Answers a request, whatever it asks for. What it throws is logged and answered with 500. */
  readonly handle: (exchange: Exchange) => void | Promise<void>;
  /** Origins whose pages may call. @defaultValue none */
  readonly corsOrigins?: readonly string[] | undefined;
}

/** A listener that is not listening yet. */
export interface GatewayServer {
  /** Resolves when it listens; port 0 asks the system for a free one. */
  listen(port: number, host: string): Promise<AddressInfo>;
  /** Takes nothing more, lets what is under way end within `limitMs`, then cuts it. Safe to call twice. */
  close(limitMs?: number): Promise<void>;
}

/** How often slow and idle connections are looked for, at most. */
const SWEEP_MS = 1_000;
const CLOSE_LIMIT_MS = 10_000;

/** Builds it. */
export function createGatewayServer(parts: GatewayServerParts): GatewayServer {
  return new Listener(parts);
}

class Listener implements GatewayServer {
  readonly #parts: GatewayServerParts;
  readonly #cors: Cors;
  readonly #server: Server;
  /** The newest request of each connection: what a broken connection is told depends on it. */
  readonly #newest = new WeakMap<object, Exchange>();
  /** Unlike an id of its own for each, this costs nothing: one for the process, and a count. */
  readonly #newRequestId: () => string;
  #underWay = 0;
  #connectionsOpen = 0;
  #closing: Promise<void> | undefined;
  #dropped = 0;

  constructor(parts: GatewayServerParts) {
    this.#parts = parts;
    this.#cors = createCors(parts.corsOrigins);
    const process = parts.runtime.newId();
    let requests = 0;
    this.#newRequestId = () => {
      requests += 1;
      return `${process}.${requests.toString(36)}`;
    };
    const { limits } = parts;
    const server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(SWEEP_MS, limits.headersTimeoutMs),
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    });
    // Node would leave out further headers without a word; their bytes are bounded.
    server.maxHeadersCount = 0;
    server.maxConnections = limits.connectionsMax;
    server.timeout = limits.slowReaderMs;
    this.#server = server;
    this.#listenForRequests();
    this.#listenForTrouble();
    parts.metrics.connections(() => this.#connectionsOpen);
  }

  listen(port: number, host: string): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) =>
          this.#parts.log.error('the gateway listener failed', { error: String(error) }),
        );
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  close(limitMs: number = CLOSE_LIMIT_MS): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const timer = this.#parts.runtime.setTimer(
        () => {
          this.#parts.log.warn('answers that were still under way are cut', { underWay: this.#underWay });
          this.#server.closeAllConnections();
        },
        limitMs,
        { keepAlive: true },
      );
      this.#server.close(() => {
        timer.cancel();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
    return this.#closing;
  }

  #listenForRequests(): void {
    this.#server.on('request', (request, response) => this.#take(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#take(request, response, true));
    this.#server.on('checkExpectation', (request, response) => {
      const exchange = this.#begin(request, response);
      sendFailure(exchange, new Failure(417, 'unknown_expectation', 'of Expect, only 100-continue is known'));
    });
  }

  #listenForTrouble(): void {
    const { metrics, log, limits } = this.#parts;
    this.#server.on('connection', (socket) => {
      this.#connectionsOpen += 1;
      socket.once('close', () => this.#connectionClosed());
    });
    this.#server.on('drop', () => {
      metrics.droppedConnection();
      this.#dropped += 1;
      if (this.#dropped === 1)
        log.warn('too many connections; further ones are closed', { max: limits.connectionsMax });
    });
    this.#server.on('clientError', (error: Error & { code?: string }, socket) =>
      this.#clientError(error, socket as Socket),
    );
    // A tunnel through the gateway could reach anything.
    this.#server.on('connect', (_request, socket) => {
      writeRawFailure(socket as Socket, new Failure(405, 'method_not_allowed', 'this is not a proxy for CONNECT'));
    });
    // Nothing moved for so long, or nothing more is asked. Who waits for an answer is left alone; who does not take one that
    // is there has left.
    this.#server.on('timeout', (socket) => {
      const isWaiting = this.#newest.get(socket)?.isOver === false;
      if (!isWaiting || socket.writableLength > 0) socket.destroy();
    });
  }

  #connectionClosed(): void {
    this.#connectionsOpen -= 1;
    if (this.#dropped === 0 || this.#connectionsOpen > this.#parts.limits.connectionsMax / 2) return;
    this.#parts.log.info('connections are taken again', { dropped: this.#dropped });
    this.#dropped = 0;
  }

  #take(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const exchange = this.#begin(request, response);
    exchange.expectsContinue = expectsContinue;
    if (this.#closing !== undefined) {
      response.shouldKeepAlive = false;
      sendFailure(
        exchange,
        unavailable('shutting_down', 'the gateway is shutting down; nothing was sent or charged', 1),
      );
      return;
    }
    const preflight = request.method === 'OPTIONS' ? this.#cors.preflightOf(request) : undefined;
    if (preflight !== undefined) {
      response.writeHead(204, preflight as string[]).end();
      return;
    }
    try {
      const handled = this.#parts.handle(exchange);
      if (handled !== undefined) handled.catch((error: unknown) => this.#failed(exchange, error));
    } catch (error) {
      this.#failed(exchange, error);
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse): Exchange {
    const { runtime } = this.#parts;
    const url = request.url ?? '';
    const surface = surfaceOf(request.method ?? '', url, request.headers);
    const exchange = new Exchange({
      request,
      response,
      requestId: requestIdOf(request, this.#newRequestId),
      surface,
      dialect: surface === undefined || surface.kind === 'health' ? dialectOf(url, request.headers) : surface.dialect,
      corsHeaders: this.#cors.headersOf(request),
      startedAtMs: runtime.monotonicNow(),
    });
    this.#underWay += 1;
    this.#newest.set(request.socket, exchange);
    response.once('close', () => this.#over(exchange));
    return exchange;
  }

  #over(exchange: Exchange): void {
    this.#underWay -= 1;
    exchange.end();
    const { metrics, requestLog, runtime } = this.#parts;
    const { response } = exchange;
    const status = response.headersSent ? response.statusCode : undefined;
    metrics.request(exchange.surface?.name, status);
    if (status !== undefined && !response.writableFinished) metrics.clientLeft();
    if (exchange.code !== undefined) countFailure(metrics, response.statusCode, exchange.code);
    requestLog.request(exchange, status, runtime.monotonicNow() - exchange.startedAtMs);
    // What waits on its connection now would hold up the close until its idle limit.
    if (this.#closing !== undefined) setImmediate(() => this.#server.closeIdleConnections());
  }

  #failed(exchange: Exchange, error: unknown): void {
    const { response, requestId } = exchange;
    this.#parts.log.error('a request could not be answered', { requestId, error: describe(error) });
    const text = `the gateway failed; who runs it finds the reason by ${requestId}`;
    if (!response.headersSent) sendFailure(exchange, new Failure(500, 'internal_error', text));
    else if (!response.writableEnded) response.destroy();
  }

  /** The connection is of no use any more; whoever waits on it for an answer that was not begun is told why. */
  #clientError(error: Error & { code?: string }, socket: Socket): void {
    const failure = clientFailure(error.code);
    const newest = this.#newest.get(socket);
    this.#parts.metrics.brokenConnection(failure?.code ?? 'reset');
    if (failure === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    if (newest === undefined || newest.isOver) {
      writeRawFailure(socket, failure);
      return;
    }
    const { request, response } = newest;
    // Half an answer must not have another one in its middle, and one whose request came in whole is not this one's.
    if (request.complete || response.headersSent) {
      socket.destroy();
      return;
    }
    response.shouldKeepAlive = false;
    response.once('finish', () => socket.destroySoon());
    sendFailure(newest, failure);
    if (!response.writableEnded) response.end();
  }
}

function countFailure(metrics: GatewayMetrics, status: number, code: string): void {
  if (status === 401) metrics.unauthenticated(code);
  else if (status === 402) metrics.refused(code);
  else metrics.failed(code);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
