import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { UsageEvent } from '../../../src/wire/usage-event.js';

/** One request as it came. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly key: string;
  readonly event: UsageEvent;
}

/** What to answer; `hang` never answers, `reset` cuts the connection. */
export type Answer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'hang'
  | 'reset';

/** A real HTTP server that keeps what it is sent, and takes an event once per idempotency key, as a service does. */
export interface MeteringServer {
  readonly url: URL;
  readonly port: number;
  /** Every request, in order. */
  readonly requests: Received[];
  /** What was answered with 2xx, by idempotency key. */
  readonly taken: Map<string, UsageEvent>;
  /** Decides on each answer; 200 by default. */
  answer: (request: Received, index: number) => Answer | Promise<Answer>;
  /** The most requests that were under way at the same time. */
  readonly peak: () => number;
  close(): Promise<void>;
}

/** Starts a server on 127.0.0.1; `port` 0 takes a free one. */
export async function startMeteringServer(port = 0): Promise<MeteringServer> {
  const requests: Received[] = [];
  const taken = new Map<string, UsageEvent>();
  const sockets = new Set<Socket>();
  let underWay = 0;
  let peak = 0;
  const server: Server = createServer((request, response) => {
    underWay += 1;
    peak = Math.max(peak, underWay);
    response.on('close', () => {
      underWay -= 1;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const event = JSON.parse(Buffer.concat(chunks).toString('utf8')) as UsageEvent;
      const key = String(request.headers['idempotency-key']);
      const received = { path: request.url ?? '', headers: request.headers, key, event };
      const index = requests.push(received) - 1;
      Promise.resolve(self.answer(received, index)).then((answer) => reply(response, received, answer));
    });
  });
  const reply = (response: ServerResponse, received: Received, answer: Answer) => {
    if (answer === 'hang') return;
    if (answer === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    if (answer.status < 300 && !taken.has(received.key)) taken.set(received.key, received.event);
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body ?? '{"resourceType":"metering"}');
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: actual } = server.address() as AddressInfo;
  const self: MeteringServer = {
    url: new URL(`http://127.0.0.1:${actual}`),
    port: actual,
    requests,
    taken,
    answer: () => ({ status: 201 }),
    peak: () => peak,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return self;
}
