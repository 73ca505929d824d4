/** What the stub of Anthropic's API answers. */
import { crc32 } from 'node:zlib';

export type Fields = Record<string, unknown>;

export const TEXT = 'Sunny, with a light wind from the west.';
/** Of every answer, whole or streamed. */
export const USAGE = {
  input_tokens: 21,
  cache_creation_input_tokens: 4,
  cache_read_input_tokens: 8,
  cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 1 },
  output_tokens: 9,
  service_tier: 'standard',
};

/** A message; one that calls a tool where the request has tools and no result of one yet. */
export function wholeMessage(id: string, body: Fields): Fields {
  const calls = callsTool(body);
  return {
    id,
    type: 'message',
    role: 'assistant',
    model: `${String(body['model'])}-answered`,
    content: calls
      ? [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Ghent' } }]
      : [{ type: 'text', text: body['output_config'] === undefined ? TEXT : '{"sky":"blue"}' }],
    stop_reason: calls ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: USAGE,
  };
}

/** The events of a stream: the output count of the first is a placeholder, the last one has the word. */
export function messageEvents(id: string, body: Fields): Fields[] {
  const { content, stop_reason: reason, ...head } = wholeMessage(id, body);
  const [block] = content as Fields[];
  const isTool = block!['type'] === 'tool_use';
  const pieces = isTool ? ['{"city":', '"Ghent"}'] : String(block!['text']).split(/(?<= )/);
  const deltaOf = (piece: string) =>
    isTool ? { type: 'input_json_delta', partial_json: piece } : { type: 'text_delta', text: piece };
  return [
    {
      type: 'message_start',
      message: { ...head, content: [], stop_reason: null, usage: { ...USAGE, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: isTool ? { ...block, input: {} } : { ...block, text: '' } },
    { type: 'ping' },
    ...pieces.map((piece) => ({ type: 'content_block_delta', index: 0, delta: deltaOf(piece) })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: USAGE.output_tokens },
    },
    { type: 'message_stop' },
  ];
}

/** One event as Anthropic sends it. */
export function sseOf(event: Fields): Buffer {
  return Buffer.from(`event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`);
}

/** One event as Bedrock sends it: a frame around base64 around JSON. */
export function frameOf(event: Fields): Buffer {
  const bytes = Buffer.from(JSON.stringify(event)).toString('base64');
  return frame({ ':event-type': 'chunk', ':message-type': 'event' }, JSON.stringify({ bytes, p: 'abc' }));
}

/** An exception in the middle of Bedrock's stream. */
export function exceptionFrame(name: string, message: string): Buffer {
  return frame({ ':exception-type': name, ':message-type': 'exception' }, JSON.stringify({ message }));
}

function frame(headers: Record<string, string>, payload: string): Buffer {
  const all = { ...headers, ':content-type': 'application/json' };
  const head = Buffer.concat(Object.entries(all).map(([name, value]) => header(name, value)));
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + body.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const whole = Buffer.concat([prelude, head, body]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(whole));
  return Buffer.concat([whole, sum]);
}

function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(value.length);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), length, Buffer.from(value)]);
}

function callsTool(body: Fields): boolean {
  const hasTools = Array.isArray(body['tools']) && body['tools'].length > 0;
  return hasTools && !JSON.stringify(body['messages']).includes('tool_result');
}
