/** A gateway of the HTTP side's parts alone, whose calls a test answers itself, and a client that sends raw bytes to it. */
import { connect, type Socket } from 'node:net';
import type { Log } from 'fusewire/internal';
import { createRuntime } from 'fusewire/internal';
import { hashKey } from '../../../../service/admin/keys.js';
import { answerHealth } from '../../../../service/gateway/http/answer-health.js';
import { createAuthenticator } from '../../../../service/gateway/http/authenticate.js';
import type { Exchange } from '../../../../service/gateway/http/exchange.js';
import { Failure } from '../../../../service/gateway/http/failure.js';
import { createGatewayMetrics } from '../../../../service/gateway/http/gateway-metrics.js';
import { createGatewayServer } from '../../../../service/gateway/http/gateway-server.js';
import { createHealth, type HealthParts } from '../../../../service/gateway/http/health.js';
import { KeyLimits, type Place } from '../../../../service/gateway/http/key-limits.js';
import { sendFailure, sendJson } from '../../../../service/gateway/http/own-answers.js';
import { BodyReader } from '../../../../service/gateway/http/read-body.js';
import { createRequestLog } from '../../../../service/gateway/http/request-log.js';
import { unknownPath } from '../../../../service/gateway/http/unknown-path.js';
import {
  type BudgetFacts,
  type Customer,
  DEFAULT_LIMITS,
  type FoundGatewayKey,
  type GatewayLimits,
  type Refusal,
} from '../../../../service/gateway/types.js';
import { createMetrics } from '../../../../service/http/metrics.js';

/** A key that works, and one that nobody knows. */
export const KEY = `sk_${'k'.repeat(43)}`;
export const OTHER_KEY = `sk_${'o'.repeat(43)}`;

export const CUSTOMER: Customer = {
  id: 'cus_1',
  number: 1,
  teamId: 'fwteam',
  name: 'Customer',
  email: 'customer@example.com',
  active: true,
  budgetControlId: null,
  createdAtMs: 0,
};

/** What the store knows of {@link KEY}; `changes` are laid over its key. */
export function foundKey(changes: Partial<FoundGatewayKey['key']> = {}): FoundGatewayKey {
  const key = {
    id: 'gk_1',
    teamId: 'fwteam',
    customerId: CUSTOMER.id,
    label: '',
    hint: 'kkkk',
    createdAtMs: 0,
    dimensions: {},
    ...changes,
  };
  return { key, customer: CUSTOMER };
}

/** A budget of ten dollars that is used up. */
export const BUDGET: BudgetFacts = {
  controlId: 'ctl_1',
  name: 'Budget of Jürgen',
  metric: 'TOTAL_COST',
  limit: '10',
  spend: '9.5',
  held: '0.25',
  remaining: '0.25',
  resetsAt: '2026-12-01T00:00:00.000Z',
  isWarning: true,
};

export const REFUSAL: Refusal = {
  code: 'BUDGET_EXCEEDED',
  message:
    'the budget of this customer is used up: 9.5 spent + 0.25 held + 0.4 asked > 10; it begins anew on 2026-12-01',
  rule: { id: 'ctl_1', ruleId: 7, name: 'Budget of Jürgen' },
  scope: { kind: 'customer', value: 'cus_1' },
  budget: BUDGET,
  asked: '0.4',
};

/** What a test changes. `call`: answers a request whose body is there. */
export interface FrontOptions {
  readonly limits?: Partial<GatewayLimits> & { readonly bodiesBytesMax?: number };
  readonly call?: (exchange: Exchange, body: Buffer) => void | Promise<void>;
  readonly health?: Partial<HealthParts>;
  readonly corsOrigins?: readonly string[];
  readonly findKey?: (hash: string) => FoundGatewayKey | undefined | Promise<FoundGatewayKey | undefined>;
}

/** One line of its log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** Starts it. */
export async function openFront(options: FrontOptions = {}) {
  const lines: LogLine[] = [];
  const print =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      void lines.push({ level, message, fields });
  const log: Log = {
    debug: print('debug'),
    info: print('info'),
    warn: print('warn'),
    error: print('error'),
    isDebug: () => true,
  };
  const runtime = createRuntime({ log });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const registryOf = createMetrics();
  const metrics = createGatewayMetrics(registryOf);
  const findKey = options.findKey ?? ((hash) => (hash === hashKey(KEY) ? foundKey() : undefined));
  const authenticate = createAuthenticator({ findKey, runtime, wrongKeysPerSecond: limits.wrongKeysPerSecond });
  const keyLimits = new KeyLimits(limits, runtime, log);
  const bodies = new BodyReader(limits);
  const health = createHealth({
    runtime,
    log,
    probeStore: async () => undefined,
    trouble: () => undefined,
    deadLetters: () => 0,
    upstreams: ['ollama'],
    ...options.health,
  });
  const call =
    options.call ??
    ((exchange: Exchange, body: Buffer) => {
      sendJson(exchange, 200, { got: body.length });
    });

  async function handle(exchange: Exchange): Promise<void> {
    const { request, surface } = exchange;
    if (surface === undefined) {
      sendFailure(exchange, unknownPath(request.method ?? '', request.url ?? ''));
      return;
    }
    if (surface.kind === 'health') return answerHealth(exchange, health);
    const caller = await authenticate(request.headers, request.socket.remoteAddress);
    if (caller instanceof Failure) {
      sendFailure(exchange, caller);
      return;
    }
    exchange.caller = caller;
    const place = keyLimits.enter(caller.key);
    if (place instanceof Failure) {
      sendFailure(exchange, place);
      return;
    }
    exchange.whenOver(() => (place as Place).release());
    const body = await bodies.read(exchange);
    if (body instanceof Failure) sendFailure(exchange, body);
    else if (body !== undefined) await call(exchange, body);
  }

  const requestLog = createRequestLog(log, runtime);
  const server = createGatewayServer({
    limits,
    runtime,
    log,
    metrics,
    requestLog,
    handle,
    corsOrigins: options.corsOrigins,
  });
  const { port } = await server.listen(0, '127.0.0.1');
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    log,
    keyLimits,
    bodies,
    metricsText: async () => (await registryOf.text()).body,
    close: (limitMs = 0) => server.close(limitMs),
  };
}

export type Front = Awaited<ReturnType<typeof openFront>>;

/** The head of a request with a key that works; further headers as lines. */
export function head(method: string, path: string, lines: readonly string[] = []): string {
  return [`${method} ${path} HTTP/1.1`, 'host: gateway', `x-api-key: ${KEY}`, ...lines, '', ''].join('\r\n');
}

/** A connection on which a test writes what it likes. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  isClosed = false;
  readonly #waiting: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece: string) => {
      this.text += piece;
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  write(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** Resolves when what came holds `pattern`; fails when the connection is closed without it. */
  async until(pattern: RegExp | string): Promise<string> {
    const holds = () => (typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text));
    while (!holds()) {
      if (this.isClosed)
        throw new Error(`closed without ${String(pattern)}: ${JSON.stringify(this.text.slice(0, 500))}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.text;
  }

  /** Resolves with all that came when the server closed the connection. */
  async closed(): Promise<string> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.text;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Status codes of all answers in a text. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => Number(found[1]));
}
