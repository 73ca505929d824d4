/** What a hostile caller and a hostile upstream are made of: bytes, as they please. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { UPSTREAM_KEYS } from '../support/stand-in-upstream.js';

/** An upstream that keeps every byte that it gets, by connection, and answers what it is told to. */
export interface ByteUpstream {
  readonly origin: string;
  /** What came on each connection that was ever opened, in their order. */
  streams(): readonly string[];
  /** Bytes that answer a request; called once for each whole one. `undefined`: nothing is answered. */
  answer: (head: string, body: Buffer, socket: Socket) => string | Buffer | undefined;
  forget(): void;
  close(): Promise<void>;
}

/** A sound answer of OpenAI's form. */
export const SOUND = answerBytes(
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'gpt-4o-mini',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
  }),
);

/** A whole answer of status 200; `lines` are further header lines. */
export function answerBytes(body: string, lines: readonly string[] = [], status = '200 OK'): string {
  const head = [`HTTP/1.1 ${status}`, 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`];
  return `${[...head, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** Starts it on a free port. */
export async function startByteUpstream(): Promise<ByteUpstream> {
  let streams: { text: string }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const stream = { text: '' };
    streams.push(stream);
    sockets.add(socket);
    let left = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (piece) => {
      stream.text += piece.toString('latin1');
      left = Buffer.concat([left, piece]);
      for (;;) {
        const end = left.indexOf('\r\n\r\n');
        if (end === -1) return;
        const head = left.toString('latin1', 0, end);
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (left.length < end + 4 + length) return;
        const body = left.subarray(end + 4, end + 4 + length);
        left = left.subarray(end + 4 + length);
        const bytes = upstream.answer(head, body, socket);
        if (bytes !== undefined && socket.writable) socket.write(bytes);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: ByteUpstream = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    streams: () => streams.map(({ text }) => text).filter((text) => text !== ''),
    answer: () => SOUND,
    forget() {
      streams = [];
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return upstream;
}

/** The variables of a gateway all of whose upstreams are this one. */
export function variablesOf({ origin }: ByteUpstream): Record<string, string> {
  return {
    OLLAMA_BASE_URL: origin,
    OPENAI_BASE_URL: `${origin}/v1`,
    OPENAI_API_KEY: UPSTREAM_KEYS.openai,
    ANTHROPIC_BASE_URL: origin,
    ANTHROPIC_API_KEY: UPSTREAM_KEYS.anthropic,
  };
}

/** A request as an upstream reads it from the bytes of a connection. */
export interface ReadRequest {
  readonly line: string;
  /** As written. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Takes a connection's bytes apart by the letter; throws where they are anything but whole requests with their length. */
export function requestsIn(stream: string): readonly ReadRequest[] {
  const found: ReadRequest[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = stream.indexOf('\r\n\r\n', at);
    if (end === -1) throw new Error(`half a request: ${JSON.stringify(stream.slice(at, at + 200))}`);
    const [line = '', ...lines] = stream.slice(at, end).split('\r\n');
    const headers = lines.map((text) => {
      const parts = /^([!#$%&'*+\-.^_`|~A-Za-z0-9]+): ([^\r\n\0]*)$/.exec(text);
      if (parts === null) throw new Error(`no header: ${JSON.stringify(text)}`);
      return [parts[1]!.toLowerCase(), parts[2]!] as const;
    });
    const lengths = headers.filter(([name]) => name === 'content-length');
    if (lengths.length > 1) throw new Error('two lengths');
    if (headers.some(([name]) => name === 'transfer-encoding')) throw new Error('a transfer coding');
    const length = Number(lengths[0]?.[1] ?? 0);
    const body = stream.slice(end + 4, end + 4 + length);
    if (body.length !== length) throw new Error('half a body');
    found.push({ line, headers, body });
    at = end + 4 + length;
  }
  return found;
}

/** Sends bytes and reads what comes until the connection is over, or nothing more came for `idleMs`. */
export function exchangeBytes(
  port: number,
  bytes: string | Buffer | readonly (string | Buffer)[],
  idleMs = 300,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
    });
    socket.on('close', () => resolve(text));
    for (const piece of typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes) {
      socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
    }
  });
}

/** Statuses of the answers in what a connection gave, in their order. */
export function statusesIn(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((found) => Number(found[1]));
}
