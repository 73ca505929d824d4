// The model server of bench/gateway.bench.ts, in a process of its own: plain sockets and answers that are written already,
// because it shares its core with what drives the gateway.

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';

const CHUNKS = 50;
const HEAD = {
  id: 'chatcmpl-bench0123456789',
  created: 1_790_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  system_fingerprint: 'fp_1',
};
const USAGE = { prompt_tokens: 250, completion_tokens: 50, total_tokens: 300 };
/** With the rest about 1 KB. */
const CONTENT = 'word '.repeat(140);
const CHOICES = [
  { index: 0, message: { role: 'assistant', content: CONTENT, refusal: null }, logprobs: null, finish_reason: 'stop' },
];
const WHOLE = whole(JSON.stringify({ ...HEAD, object: 'chat.completion', choices: CHOICES, usage: USAGE }));
const PLAIN_STREAM = stream(false);
const COUNTED_STREAM = stream(true);

function whole(text: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nx-request-id: req_bench\r\n\r\n`;
  return Buffer.from(head + text);
}

/** Packets of an event each, as from a model; with the usage that was asked for. */
function stream(asked: boolean): readonly Buffer[] {
  const chunk = (fields: object) => {
    const text = `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', ...fields, ...(asked ? { usage: null, ...fields } : {}) })}\n\n`;
    return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  };
  const choice = (finish: string | null) => ({
    choices: [{ index: 0, delta: { content: 'word ' }, logprobs: null, finish_reason: finish }],
  });
  const packets = Array.from({ length: CHUNKS }, (_, index) => chunk(choice(index === CHUNKS - 1 ? 'stop' : null)));
  if (asked) packets.push(chunk({ choices: [], usage: USAGE }));
  packets.push('e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n');
  packets[0] = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\nx-request-id: req_bench\r\n\r\n${packets[0]}`;
  return packets.map((packet) => Buffer.from(packet));
}

const END = Buffer.from('\r\n\r\n');
const LENGTH = /content-length: *(\d+)/i;
const CHUNKED = /transfer-encoding: *chunked/i;
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

class Connection {
  readonly #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (part: Buffer) => this.#take(part));
    socket.on('error', () => undefined);
  }

  #take(part: Buffer): void {
    this.#pending = this.#pending.length === 0 ? part : Buffer.concat([this.#pending, part]);
    const end = this.#pending.indexOf(END);
    if (end < 0) return;
    const head = this.#pending.toString('latin1', 0, end);
    const length = LENGTH.exec(head)?.[1];
    if (length === undefined && CHUNKED.test(head)) {
      if (!this.#pending.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) return;
    } else if (this.#pending.length < end + END.length + Number(length ?? 0)) return;
    const body = this.#pending.subarray(end + END.length);
    this.#pending = Buffer.alloc(0);
    if (!body.includes('"stream":true')) this.#socket.write(WHOLE);
    else this.#send(body.includes('include_usage') ? COUNTED_STREAM : PLAIN_STREAM, 0);
  }

  #send(packets: readonly Buffer[], at: number): void {
    this.#socket.write(packets[at]!);
    if (at + 1 < packets.length && !this.#socket.destroyed) setImmediate(() => this.#send(packets, at + 1));
  }
}

const server = createServer((socket) => void new Connection(socket));
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
