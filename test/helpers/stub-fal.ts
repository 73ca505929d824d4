/** A server that answers as fal's hosts do, and a `fetch` that leads to it what is meant for them. On 127.0.0.1. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as tick } from 'node:timers/promises';

export interface SeenByFal {
  readonly method: string;
  /** Where it goes in the end, and where it was sent. */
  readonly host: string;
  readonly asked: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly aborted: Promise<void>;
}

/** How the next run, submission or reading of a result goes wrong. */
export type FalFault =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'hang'
  /** Sends the head and some bytes, then breaks the connection. */
  | 'cut';

export interface StubFal {
  /** For the client's configuration. */
  readonly fetch: typeof fetch;
  readonly requests: SeenByFal[];
  readonly faults: (FalFault | undefined)[];
  /** What a run or a queued request makes. */
  answer: unknown;
  headers: Record<string, string>;
  /** The events of a stream, and where their bytes are cut; a packet after another. */
  events: readonly unknown[];
  cut: (bytes: Buffer) => readonly Buffer[];
  /** After so many packets the connection breaks; -1: never. */
  breakAfter: number;
  /** After so many packets the stream waits for ever. */
  holdAfter: number;
  /** Polls of the status before a queued request is done. */
  polls: number;
  reset(): void;
  close(): Promise<void>;
}

/** The requests that cost something or lead to it. */
export function paid(stub: StubFal): readonly SeenByFal[] {
  return stub.requests.filter(({ method, host }) => method !== 'GET' && host.endsWith('fal.run'));
}

export function falId(count: number): string {
  return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
}

export async function startStubFal(): Promise<StubFal> {
  const world = new World();
  const server = createServer((request, response) => void world.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const lead: typeof fetch = (input, init) => {
    const url = new URL(String(input instanceof Request ? input.url : input));
    const headers = new Headers(init?.headers);
    headers.set('x-stub-host', url.host);
    return fetch(`http://127.0.0.1:${port}${url.pathname}${url.search}`, { ...init, headers });
  };
  return Object.assign(world, {
    fetch: lead,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

class World {
  readonly requests: SeenByFal[] = [];
  readonly faults: (FalFault | undefined)[] = [];
  answer: unknown;
  headers: Record<string, string> = {};
  events: readonly unknown[] = [];
  cut: (bytes: Buffer) => readonly Buffer[] = (bytes) => [bytes];
  breakAfter = -1;
  holdAfter = -1;
  polls = 1;
  #count = 0;
  #asked = 0;

  constructor() {
    this.reset();
  }

  reset(): void {
    this.requests.length = 0;
    this.faults.length = 0;
    this.answer = { images: [{ url: 'https://v3.fal.media/a.png', width: 512, height: 256 }] };
    this.headers = {};
    this.events = [];
    this.cut = (bytes) => [bytes];
    this.breakAfter = -1;
    this.holdAfter = -1;
    this.polls = 1;
    this.#count = 0;
    this.#asked = 0;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const aborted = once(response, 'close').then(() => undefined);
    // A proxy is told by a header where to go; a gateway of the program's own stands for fal.run.
    const target = new URL(String(request.headers['x-fal-target-url'] ?? 'http://unknown'));
    const asked = String(request.headers['x-stub-host'] ?? request.headers.host);
    const isProxied = request.headers['x-fal-target-url'] !== undefined;
    const host = isProxied ? target.host : asked.replace('gateway.example', 'fal.run');
    const path = isProxied ? `${target.pathname}${target.search}` : (request.url ?? '');
    const method = request.method ?? '';
    const text = Buffer.concat(parts).toString();
    this.requests.push({ method, host, asked, path, headers: request.headers, text, aborted });
    const isAboutQueue = /\/requests\/[^/]+\//.test(path);
    const fault = host.endsWith('fal.run') && !isAboutQueue ? this.faults.shift() : undefined;
    if (fault === 'hang') return;
    if (fault === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 });
      response.write('{"images":[', () => response.destroy());
      return;
    }
    if (fault !== undefined) send(response, fault.status, fault.body ?? { detail: 'stub fault' }, fault.headers);
    else await this.#answer(response, method, host, path.replace(/\?.*$/s, ''));
  }

  async #answer(response: ServerResponse, method: string, host: string, path: string): Promise<void> {
    const id = /\/requests\/([^/]+)/.exec(path)?.[1];
    if (host.startsWith('rest.')) {
      const upload = { upload_url: 'https://v3.fal.media/put', file_url: 'https://v3.fal.media/file' };
      send(response, 200, path.startsWith('/tokens') ? 'a-token' : upload);
    } else if (!host.endsWith('fal.run')) send(response, 200, {});
    else if (path.endsWith('/stream') && id === undefined) await this.#stream(response);
    else if (id === undefined) {
      this.#count += 1;
      const made = falId(this.#count);
      if (!host.startsWith('queue.')) send(response, 200, this.answer, { 'x-fal-request-id': made, ...this.headers });
      else send(response, 200, { status: 'IN_QUEUE', request_id: made, queue_position: 0 });
    } else if (path.endsWith('/status')) {
      this.#asked += 1;
      const done = this.#asked >= this.polls;
      send(response, done ? 200 : 202, { status: done ? 'COMPLETED' : 'IN_PROGRESS', request_id: id, logs: [] });
    } else if (method === 'PUT') send(response, 202, { status: 'CANCELLATION_REQUESTED' });
    else send(response, 200, this.answer, { 'x-fal-request-id': id, ...this.headers });
  }

  async #stream(response: ServerResponse): Promise<void> {
    this.#count += 1;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'x-fal-request-id': falId(this.#count),
      ...this.headers,
    });
    const bytes = Buffer.from(this.events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
    const packets = this.cut(bytes);
    for (const [index, packet] of packets.entries()) {
      if (index === this.breakAfter) {
        response.destroy();
        return;
      }
      if (index === this.holdAfter) return;
      response.write(packet);
      await tick();
    }
    if (packets.length === this.breakAfter) response.destroy();
    else if (packets.length !== this.holdAfter) response.end();
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
