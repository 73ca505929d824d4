// A sink for usage events, in a process of its own: answers 201 to everything and an empty feed to polls. With the
// argument `batch` it announces that it takes batches, and takes them.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let taken = 0;
const announced: Record<string, string> =
  process.argv[2] === 'batch' ? { 'fusewire-capabilities': 'ingest-batch' } : {};
const RECEIPT = '{"status":201,"body":{"id":"mtr_4t9","label":"chatcmpl-9x","resourceType":"metering"}}';

/** How many items a batch has: counted, not parsed, so that the sink stays cheap. */
function itemsIn(body: string): number {
  return body.split('"idempotencyKey":').length - 1;
}

const server = createServer((request, response) => {
  const isBatch = request.url === '/meter/v2/batch';
  let body = '';
  request.on('data', (part: Buffer) => {
    if (isBatch) body += part.toString('latin1');
  });
  request.on('end', () => {
    if (request.url === '/taken') {
      response.end(String(taken));
      return;
    }
    if (request.method === 'GET') {
      response.writeHead(204, announced).end();
      return;
    }
    if (isBatch) {
      const items = itemsIn(body);
      taken += items;
      response.writeHead(200, { 'content-type': 'application/json', ...announced });
      response.end(`{"results":[${Array(items).fill(RECEIPT).join(',')}]}`);
      return;
    }
    taken += 1;
    response.writeHead(201, { 'content-type': 'application/json', ...announced }).end('{}');
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
