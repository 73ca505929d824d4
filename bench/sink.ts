// A sink for usage events, in a process of its own: answers 201 to everything and an empty feed to polls.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let taken = 0;
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (request.url === '/taken') {
      response.end(String(taken));
      return;
    }
    if (request.method === 'GET') {
      response.writeHead(204).end();
      return;
    }
    taken += 1;
    response.writeHead(201, { 'content-type': 'application/json' }).end('{}');
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
