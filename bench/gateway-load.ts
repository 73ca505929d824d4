// Drives a gateway, in a process of its own: plain sockets that each wait for the end of an answer before they ask again.
// Parses as little as it can, since it shares a core with the model server.
import { connect, type Socket } from 'node:net';
import { quantile } from './ingest-load.js';

/** What is sent, and for how long. */
export interface GatewayLoad {
  readonly url: string;
  readonly path: string;
  /** Beside those that every request has. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly promptBytes: number;
  readonly streaming: boolean;
  readonly durationMs: number;
}

/** What came of it; times in milliseconds. */
export interface GatewayLoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly firstByteP50: number;
}

const END = Buffer.from('\r\n\r\n');
const LENGTH = /content-length: *(\d+)/i;
const LAST_CHUNK = '0\r\n\r\n';

/** As an official client sends it. */
export function requestOf({ url, path, headers, promptBytes, streaming }: GatewayLoad): Buffer {
  const { host } = new URL(url);
  const content = 'Why is the sky blue? '.repeat(Math.ceil(promptBytes / 21)).slice(0, promptBytes - 120);
  const messages = [{ role: 'user', content }];
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    messages,
    max_tokens: 64,
    temperature: 0.2,
    ...(streaming ? { stream: true } : {}),
  });
  const all = {
    host,
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'OpenAI/JS 6.49.0',
    'x-stainless-lang': 'js',
    'x-stainless-retry-count': '0',
    'accept-language': '*',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** Sends until the time is over, then waits for the answers that are under way. @throws Error on any answer but 200 */
export async function drive(load: GatewayLoad): Promise<GatewayLoadResult> {
  const request = requestOf(load);
  const { hostname, port } = new URL(load.url);
  const totals: number[] = [];
  const firsts: number[] = [];
  const started = performance.now();
  const until = started + load.durationMs;
  const lane = async (): Promise<void> => {
    const connection = new Connection(connect(Number(port), hostname));
    try {
      while (performance.now() < until) {
        const from = performance.now();
        const { first, end } = await connection.ask(request);
        firsts.push(first - from);
        totals.push(end - from);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: load.connections }, lane));
  const seconds = (performance.now() - started) / 1000;
  totals.sort((a, b) => a - b);
  firsts.sort((a, b) => a - b);
  const [p50, p99, firstByteP50] = [quantile(totals, 0.5), quantile(totals, 0.99), quantile(firsts, 0.5)];
  return { requests: totals.length, seconds, p50, p99, firstByteP50 };
}

interface Times {
  readonly first: number;
  readonly end: number;
}

/** One connection; one question at a time. */
class Connection {
  readonly #socket: Socket;
  #resolve: ((times: Times) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #first = 0;
  #head: Buffer | undefined;
  /** Bytes of the body that have to come; `undefined` while the head is not whole or where the answer is in chunks. */
  #missing: number | undefined;
  #isChunked = false;
  #tail = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (part: Buffer) => this.#take(part));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  ask(request: Buffer): Promise<Times> {
    this.#first = 0;
    this.#head = undefined;
    this.#missing = undefined;
    this.#isChunked = false;
    this.#tail = '';
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    this.#socket.destroy();
  }

  #take(part: Buffer): void {
    if (this.#first === 0) this.#first = performance.now();
    const body = this.#missing === undefined && !this.#isChunked ? this.#readHead(part) : part;
    if (body === undefined) return;
    if (this.#isChunked) {
      this.#tail = (this.#tail + body.toString('latin1', Math.max(0, body.length - LAST_CHUNK.length))).slice(
        -LAST_CHUNK.length,
      );
      if (this.#tail === LAST_CHUNK) this.#done();
      return;
    }
    this.#missing = (this.#missing ?? 0) - body.length;
    if (this.#missing <= 0) this.#done();
  }

  /** What follows the head; `undefined` while that is not whole. */
  #readHead(part: Buffer): Buffer | undefined {
    this.#head = this.#head === undefined ? part : Buffer.concat([this.#head, part]);
    const end = this.#head.indexOf(END);
    if (end < 0) return undefined;
    const text = this.#head.toString('latin1', 0, end);
    if (!text.startsWith('HTTP/1.1 200')) {
      this.#fail(new Error(`the answer was ${this.#head.toString('latin1', 0, 600)}`));
      return undefined;
    }
    const length = LENGTH.exec(text)?.[1];
    if (length === undefined) this.#isChunked = true;
    else this.#missing = Number(length);
    return this.#head.subarray(end + END.length);
  }

  #done(): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve?.({ first: this.#first, end: performance.now() });
  }

  #fail(error: Error): void {
    const reject = this.#reject;
    this.#resolve = undefined;
    this.#reject = undefined;
    reject?.(error);
  }
}

if (process.send !== undefined && process.argv[2] === 'child') {
  process.on('message', (load: GatewayLoad) => {
    drive(load).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send({ url: '' });
}
