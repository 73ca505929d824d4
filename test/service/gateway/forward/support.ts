/** A gateway of nothing but the forwarding, before an upstream whose every byte a test decides, and callers likewise. */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import {
  type Attempt,
  type AttemptSink,
  anthropicAdapter,
  createRuntime,
  type HoldTicket,
  type MeteredEvent,
  ollamaAdapter,
  openaiAdapter,
  type ProviderAdapter,
  type Runtime,
  type SseRewrite,
  type UsageEvent,
} from 'fusewire/internal';
import type { ForwardEnded, ForwardSummary } from '../../../../service/gateway/forward/exchange.js';
import { createForwarder, type Forwarder } from '../../../../service/gateway/forward/forwarder.js';
import { type PoolOptions, UpstreamPools } from '../../../../service/gateway/forward/upstream-pools.js';
import { writeError } from '../../../../service/gateway/http/write-error.js';
import {
  type CallBound,
  DEFAULT_LIMITS,
  type Dialect,
  type GatewayCall,
  type GatewayLimits,
  type Ticket,
  type Upstream,
} from '../../../../service/gateway/types.js';

const ADAPTERS: Readonly<Record<Dialect, ProviderAdapter>> = {
  ollama: ollamaAdapter,
  openai: openaiAdapter,
  anthropic: anthropicAdapter,
};
/** What the adapters know the providers by. */
const HOSTS: Readonly<Record<Dialect, string>> = {
  ollama: 'http://127.0.0.1:11434',
  openai: 'https://api.openai.com',
  anthropic: 'https://api.anthropic.com',
};

/** Counts its ends. */
export class CountingTicket implements Ticket {
  readonly settled: MeteredEvent[] = [];
  released = 0;

  settle(event: MeteredEvent): void {
    this.settled.push(event);
  }

  release(): void {
    this.released += 1;
  }

  get ends(): number {
    return this.settled.length + this.released;
  }
}

/** What is metered, and in which order. */
export interface Ledger {
  readonly events: UsageEvent[];
  readonly notes: Map<string, UsageEvent>;
  readonly sink: AttemptSink;
}

/** A sink that keeps what it is given. A token is four characters. */
export function createLedger(runtime: Runtime): Ledger {
  const events: UsageEvent[] = [];
  const notes = new Map<string, UsageEvent>();
  const none = () => undefined;
  const sink: AttemptSink = {
    runtime,
    middlewareSource: 'test',
    open: new Set<Attempt>(),
    refused: none,
    started: none,
    estimateTokens: (text) => Math.ceil(text.length / 4),
    outbox: {
      note: (id, estimate) => void notes.set(id, estimate()),
      forget: (id) => void notes.delete(id),
      append(id, event) {
        notes.delete(id);
        events.push(event as UsageEvent);
      },
      claim: () => [],
      acknowledge: none,
      release: none,
      reject: none,
      depth: () => events.length,
      counters: () => ({ appended: events.length, acknowledged: 0, rejected: 0, dropped: 0, recovered: 0 }),
      onAppend: none,
      close: () => Promise.resolve(),
    },
  };
  return { events, notes, sink };
}

/** A request as the upstream got it. */
export interface UpstreamRequest {
  /** Request line and headers. */
  readonly head: string;
  readonly body: Buffer;
}

/** What the upstream does with one request on one connection. */
export type UpstreamScript = (socket: Socket, request: UpstreamRequest) => void;

/** A server on the level of bytes. */
export interface RawUpstream {
  readonly origin: string;
  script: UpstreamScript;
  readonly requests: UpstreamRequest[];
  readonly sockets: Set<Socket>;
  /** Those on which something was asked; undici opens one more, unasked, for each that it had to break. */
  readonly asked: Set<Socket>;
  close(): Promise<void>;
}

/** Starts it; requests are handed to `script` when they are whole. */
export async function startRawUpstream(): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  const asked = new Set<Socket>();
  const requests: UpstreamRequest[] = [];
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let bytes = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      asked.delete(socket);
    });
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = bytes.toString('latin1', 0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (bytes.length < end + 4 + length) return;
      const request = { head, body: bytes.subarray(end + 4, end + 4 + length) };
      bytes = bytes.subarray(end + 4 + length);
      requests.push(request);
      asked.add(socket);
      upstream.script(socket, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: RawUpstream = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script: (socket) => socket.end(),
    requests,
    sockets,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return upstream;
}

/** One call that went through. */
export interface Passage {
  readonly ticket: CountingTicket;
  readonly call: GatewayCall;
  /** Resolves with the forwarding; `over` when it did. */
  readonly done: Promise<void>;
  summary: ForwardSummary | undefined;
}

/** What a rig is made of. */
export interface RigOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly protocol?: Dialect;
  readonly origin: string;
  readonly onClientLeave?: 'abort' | 'drain';
  readonly bound?: Partial<CallBound>;
  readonly rewrite?: SseRewrite;
  readonly runtime?: Partial<Runtime>;
  readonly pools?: PoolOptions;
  readonly upstreamHeaders?: Upstream['headers'];
  readonly extraHeaders?: readonly string[];
  /** What hard controls hold for each call. */
  readonly hold?: () => HoldTicket;
  /** Forwards without metering. */
  readonly isFree?: boolean;
}

/** A gateway on a port. */
export interface Rig extends Ledger {
  readonly port: number;
  readonly forwarder: Forwarder;
  readonly passages: Passage[];
  readonly upstream: Upstream;
  readonly logged: string[];
  /** Connections of callers. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** Starts it. Paths are those of the protocols; bodies are read whole. */
export async function startRig(options: RigOptions): Promise<Rig> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const logged: string[] = [];
  const told = (text: string, fields?: unknown) => void logged.push(`${text} ${JSON.stringify(fields)}`);
  const log = { debug: told, info: told, warn: told, error: told } as unknown as Runtime['log'];
  const runtime = createRuntime({ log, ...options.runtime });
  const ledger = createLedger(runtime);
  const passages: Passage[] = [];
  const ended: ForwardEnded = (call, summary) => {
    const passage = passages.find((one) => one.call === call);
    if (passage?.summary !== undefined) throw new Error('told twice of one end');
    if (passage !== undefined) passage.summary = summary;
  };
  const pools = new UpstreamPools(limits, options.pools);
  const forwarder = createForwarder({ limits, runtime, pools, writeError, ended });
  const protocol = options.protocol ?? 'openai';
  const upstream: Upstream = {
    name: 'test',
    protocol,
    origin: options.origin,
    basePath: '',
    headers: options.upstreamHeaders ?? [['authorization', 'Bearer upstream-key']],
    onClientLeave: options.onClientLeave ?? (protocol === 'ollama' ? 'abort' : 'drain'),
  };
  const server: HttpServer = createHttpServer((request, response) => {
    void readAll(request).then((body) => {
      if (body === undefined) return;
      const call = callOf(request, body, upstream, options);
      const ticket = new CountingTicket();
      const admission = {
        outcome: 'admit',
        ticket,
        decision: { outcome: 'allow', code: 'ALLOWED' },
        bypassed: false,
        budget: undefined,
        hold: options.hold?.(),
      } as const;
      const metered = options.isFree === true ? {} : { admission, sink: ledger.sink };
      const extraHeaders = options.extraHeaders ?? [];
      const passage: { -readonly [K in keyof Passage]: Passage[K] } = {
        ticket,
        call,
        done: Promise.resolve(),
        summary: undefined,
      };
      passages.push(passage);
      passage.done = forwarder.forward({ call, request, response, extraHeaders, ...metered });
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...ledger,
    port: (server.address() as AddressInfo).port,
    forwarder,
    passages,
    upstream,
    logged,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    async close() {
      await forwarder.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function readAll(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => resolve(undefined));
  });
}

function callOf(request: IncomingMessage, body: Buffer, upstream: Upstream, options: RigOptions): GatewayCall {
  const path = request.url ?? '/';
  const { protocol } = upstream;
  const adapter = /^\/v1\/(?!messages)/.test(path) ? openaiAdapter : ADAPTERS[protocol];
  const method = (request.method ?? 'POST') as 'GET' | 'POST' | 'HEAD';
  const reading = adapter.readRequest({ method, url: `${HOSTS[protocol]}${path}`, body: parsed(body) });
  if (reading === undefined) throw new Error(`no adapter reads ${path}`);
  const metadata = { fields: {}, dimensions: {} } as GatewayCall['metadata'];
  return {
    caller: {} as GatewayCall['caller'],
    surface: { name: 'test', dialect: protocol, kind: 'call', method, path },
    upstream,
    upstreamPath: path,
    adapter,
    reading: { ...reading, idsAreUnique: false },
    metadata,
    dimensions: {} as GatewayCall['dimensions'],
    bound: {
      inputTokensMax: 1_000,
      outputTokensMax: 500,
      isOutputLimited: true,
      images: 0,
      characters: 0,
      mediaSeconds: 0,
      ...options.bound,
    },
    body,
    rewrite: options.rewrite,
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A caller on the level of bytes. */
export interface RawCaller {
  readonly socket: Socket;
  /** All that came so far. */
  bytes(): Buffer;
  /** Resolves when `count` bytes have come, or the connection is over. */
  received(count: number): Promise<void>;
  /** Resolves when `text` has come, or the connection is over. */
  saw(text: string): Promise<void>;
  /** Resolves with how the connection ended. */
  readonly closed: Promise<'end' | 'reset'>;
}

/** Sends a request and reads what comes. */
export function rawCall(port: number, path: string, body: unknown, options: RawCallOptions = {}): RawCaller {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const { method = 'POST', version = '1.1', headers = { 'content-type': 'application/json' } } = options;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/${version}\r\nhost: test\r\ncontent-length: ${bytes.length}\r\n${lines.join('')}\r\n`;
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setNoDelay(true);
  socket.write(Buffer.concat([Buffer.from(head), bytes]));
  return rawCaller(socket, options.reads ?? true);
}

/** Of {@link rawCall}. */
export interface RawCallOptions {
  readonly method?: string;
  readonly version?: '1.0' | '1.1';
  readonly headers?: Readonly<Record<string, string>>;
  /** @defaultValue `true` */
  readonly reads?: boolean;
}

function rawCaller(socket: Socket, reads: boolean): RawCaller {
  const chunks: Buffer[] = [];
  let ending: 'end' | 'reset' = 'end';
  const waiting = new Set<() => void>();
  const look = () => {
    for (const one of [...waiting]) one();
  };
  if (reads) {
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      look();
    });
  }
  socket.on('error', () => {
    ending = 'reset';
  });
  const closed = new Promise<'end' | 'reset'>((resolve) => {
    socket.on('close', () => {
      look();
      resolve(ending);
    });
  });
  const when = (isMet: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!isMet() && !socket.destroyed) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const all = () => Buffer.concat(chunks);
  return {
    socket,
    bytes: all,
    received: (count) => when(() => all().length >= count),
    saw: (text) => when(() => all().includes(text)),
    closed,
  };
}

/** The body of an answer as it came, its transfer coding taken off, and whether it came to its end. */
export function answerOf(bytes: Buffer): { status: number; head: string; body: Buffer; whole: boolean } {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.toString('latin1', 0, end);
  const status = Number(head.split(' ')[1]);
  const rest = bytes.subarray(end + 4);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return { status, head, body: rest, whole: rest.length === Number(length) };
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return { status, head, body: rest, whole: true };
  const body: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = rest.indexOf('\r\n', at);
    if (line === -1) return { status, head, body: Buffer.concat(body), whole: false };
    const size = Number.parseInt(rest.toString('latin1', at, line), 16);
    if (size === 0) return { status, head, body: Buffer.concat(body), whole: rest.length >= line + 4 };
    body.push(rest.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
    if (at > rest.length) return { status, head, body: Buffer.concat(body), whole: false };
  }
}

/** An answer of one piece of JSON. */
export function jsonAnswer(body: unknown, status = '200 OK', headers = ''): Buffer {
  const bytes = Buffer.from(JSON.stringify(body));
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n${headers}\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** The head of a chunked answer. */
export function chunkedHead(type = 'text/event-stream'): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
}

/** One chunk of the transfer coding. */
export function chunkOf(bytes: Buffer | string): Buffer {
  const data = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
}

/** The end of the transfer coding. */
export const LAST_CHUNK = '0\r\n\r\n';
