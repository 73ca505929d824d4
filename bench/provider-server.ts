// The model server of bench/clients.bench.ts, in a process of its own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerInDialect } from './dialects.js';

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => answerInDialect(request.url ?? '', body, response));
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
