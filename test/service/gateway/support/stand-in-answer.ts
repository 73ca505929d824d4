/** An answer of the stand-in before it is sent: as it would be if nothing went wrong. */

/** One answer. A streamed one is sent a packet at a time. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly packets: readonly Buffer[];
  readonly kind: 'whole' | 'sse' | 'ndjson';
  /** How this protocol tells an error inside a stream. */
  readonly errorInside?: Buffer;
}

/** JSON, in one packet with its length. */
export function jsonAnswer(body: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return bytesAnswer('application/json', Buffer.from(JSON.stringify(body)), status, headers);
}

/** Bytes of any type. */
export function bytesAnswer(type: string, bytes: Buffer, status = 200, headers: Record<string, string> = {}): Answer {
  const length = String(bytes.length);
  return {
    status,
    headers: { 'content-type': type, 'content-length': length, ...headers },
    packets: [bytes],
    kind: 'whole',
  };
}

/** Events by their `type` where the protocol names them, and the mark at the end where it has one. */
export function sseAnswer(
  events: readonly object[],
  options: { readonly named: boolean; readonly done: boolean; readonly headers?: Record<string, string> },
): Answer {
  const packets = events.map((event) => {
    const name = options.named ? `event: ${String(Reflect.get(event, 'type'))}\n` : '';
    return Buffer.from(`${name}data: ${JSON.stringify(event)}\n\n`);
  });
  if (options.done) packets.push(Buffer.from('data: [DONE]\n\n'));
  const error = options.named
    ? 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    : 'data: {"error":{"message":"the engine fell over","type":"server_error","code":null}}\n\n';
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', ...options.headers },
    packets,
    kind: 'sse',
    errorInside: Buffer.from(error),
  };
}

/** A line of JSON for each chunk. */
export function ndjsonAnswer(chunks: readonly object[]): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/x-ndjson' },
    packets: chunks.map((chunk) => Buffer.from(`${JSON.stringify(chunk)}\n`)),
    kind: 'ndjson',
    errorInside: Buffer.from('{"error":"an error was encountered while running the model"}\n'),
  };
}
