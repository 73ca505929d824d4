import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

/** One request that the server saw. */
export interface SeenRequest {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers the next request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server whose answer a test can change at any time. */
export interface FeedServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  /** What every request from now on is answered with. */
  answer: Answer;
}

/** A feed with one pooled rule that refuses, in the shape of contract 2.2. */
export function feedBody(name: string, more: Record<string, unknown> = {}): string {
  const rule = { ruleId: 7, name, breached: true, action: 'BLOCK', threshold: 10, currentValue: 11, filters: [] };
  return JSON.stringify({ rules: [rule], ...more });
}

/** An answer with this status, body and headers. */
export function reply(status: number, body = '', headers: Record<string, string> = {}): Answer {
  return (_request, response) => void response.writeHead(status, headers).end(body);
}

/** Starts servers that are closed, with all their connections, after the test. Call it once at the top of a file. */
export function feedServers(): (answer: Answer) => Promise<FeedServer> {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  return async (answer) => {
    const requests: SeenRequest[] = [];
    const server = createServer((request, response) => {
      requests.push({ url: request.url ?? '', headers: request.headers });
      feed.answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const feed: FeedServer = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, answer };
    return feed;
  };
}
