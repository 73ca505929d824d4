/** What is said on a connection whose bytes are not a request that can be read. */
import type { Socket } from 'node:net';
import { errorBody } from './dialects.js';
import { Failure } from './failure.js';

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [405, 'Method Not Allowed'],
  [408, 'Request Timeout'],
  [413, 'Payload Too Large'],
  [431, 'Request Header Fields Too Large'],
]);

/** By the code of Node's error; `undefined` where nobody is there to be told. */
export function clientFailure(code: string | undefined): Failure | undefined {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    // The client closed its side in the middle of a request.
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Failure(408, 'request_timeout', 'the request did not come in whole in time');
    case 'HPE_HEADER_OVERFLOW':
      return new Failure(431, 'headers_too_large', 'the headers of the request are too large');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Failure(413, 'body_too_large', 'the chunk extensions of the body are too large');
    default:
      return new Failure(400, 'malformed_request', 'what was sent is not a request of HTTP/1.1');
  }
}

/** Nobody knows the caller's protocol here: the answer has OpenAI's form, whose `error.message` people find. */
export function writeRawFailure(socket: Socket, failure: Failure): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = errorBody('openai', failure, '');
  const head = [
    `HTTP/1.1 ${failure.status} ${REASONS.get(failure.status) ?? 'Error'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
