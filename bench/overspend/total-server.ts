/** A total that is read before calls and added to after them: what most budgets of today are. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running total. */
export interface TotalServer {
  readonly url: string;
  readonly total: () => number;
  close(): Promise<void>;
}

/** Starts it, on 127.0.0.1. */
export async function startTotal(limit: number): Promise<TotalServer> {
  let total = 0;
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += String(part);
    });
    request.on('end', () => {
      if (request.method === 'POST') total += (JSON.parse(text) as { tokens: number }).tokens;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ total, limit }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    total: () => total,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
