/** Answers of all kinds as bytes on the wire, for tests that cut them, split them and compare them. */
import type { Dialect } from '../../../../service/gateway/types.js';
import { chunkedHead, chunkOf, LAST_CHUNK } from './support.js';

/** One answer, and the request for it. */
export interface WireAnswer {
  readonly name: string;
  readonly protocol: Dialect;
  readonly path: string;
  readonly request: unknown;
  /** As they leave the upstream; the first is the head. */
  readonly pieces: readonly Buffer[];
  readonly body: Buffer;
  /** What a whole answer is metered with. */
  readonly tokens: readonly [input: number, output: number];
}

const MESSAGES = [{ role: 'user', content: 'Tell me about streams, please.' }];

function chunked(type: string, parts: readonly (string | Buffer)[]): Pick<WireAnswer, 'pieces' | 'body'> {
  const bytes = parts.map((part) => Buffer.from(part));
  return {
    pieces: [Buffer.from(chunkedHead(type)), ...bytes.map(chunkOf), Buffer.from(LAST_CHUNK)],
    body: Buffer.concat(bytes),
  };
}

function measured(type: string, body: Buffer, cuts: readonly number[]): Pick<WireAnswer, 'pieces' | 'body'> {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
  const at = [0, ...cuts, body.length];
  return { pieces: [Buffer.from(head), ...at.slice(1).map((end, index) => body.subarray(at[index], end))], body };
}

const delta = (content: string, rest: object = {}) =>
  JSON.stringify({
    id: 'c1',
    model: 'gpt-4o',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
    ...rest,
  });
const usage = JSON.stringify({
  id: 'c1',
  model: 'gpt-4o',
  choices: [],
  usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
});
const end = JSON.stringify({ id: 'c1', model: 'gpt-4o', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });

const CHAT = {
  name: 'a whole chat answer',
  protocol: 'openai',
  path: '/v1/chat/completions',
  request: { model: 'gpt-4o', messages: MESSAGES },
  tokens: [9, 4],
  ...measured(
    'application/json',
    Buffer.from(
      JSON.stringify({
        id: 'c1',
        model: 'gpt-4o',
        choices: [{ index: 0, message: { content: 'Grüße, 世界 🌍' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
      }),
    ),
    [10, 90],
  ),
} as const satisfies WireAnswer;

const STREAM = {
  name: 'a chat stream',
  protocol: 'openai',
  path: '/v1/chat/completions',
  request: { model: 'gpt-4o', stream: true, messages: MESSAGES },
  tokens: [9, 4],
  ...chunked('text/event-stream', [
    `data: ${delta('Grüße, ')}\n\n`,
    ': a comment\n\n',
    `data: ${delta('世界 🌍')}\n\ndata: ${delta(' and "usage":null in words')}\n\n`,
    `data: ${end}\n\n`,
    `data: ${usage}\n\n`,
    'data: [DONE]\n\n',
  ]),
} as const satisfies WireAnswer;

const CRLF_STREAM = {
  ...STREAM,
  name: 'a chat stream with CRLF, comments and names of events',
  ...chunked('text/event-stream; charset=utf-8', [
    `: keep-alive\r\n\r\nevent: x\r\nid: 7\r\nretry: 10\r\ndata:${delta('Grüße, ')}\r\n\r\n`,
    `data: ${delta('世界 🌍').slice(0, 20)}`,
    `${delta('世界 🌍').slice(20)}\r\n\r\n`,
    `data: ${end}\r\n\r\ndata: ${usage}\r\n\r\ndata: [DONE]\r\n\r\n`,
  ]),
} as const satisfies WireAnswer;

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

const MESSAGE_STREAM = {
  name: 'a message stream',
  protocol: 'anthropic',
  path: '/v1/messages',
  request: { model: 'claude-sonnet-4-5', max_tokens: 100, stream: true, messages: MESSAGES },
  tokens: [9, 4],
  ...chunked('text/event-stream', [
    event('message_start', {
      message: { id: 'msg_1', model: 'claude-sonnet-4-5', usage: { input_tokens: 9, output_tokens: 1 } },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('ping', {}),
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Grüße, 世界 🌍' } }),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 4 } }),
    event('message_stop', {}),
  ]),
} as const satisfies WireAnswer;

const line = (content: string, rest: object = {}) =>
  `${JSON.stringify({ model: 'llama3', message: { role: 'assistant', content }, done: false, ...rest })}\n`;

const OLLAMA_STREAM = {
  name: 'a stream of lines',
  protocol: 'ollama',
  path: '/api/chat',
  request: { model: 'llama3', messages: MESSAGES },
  tokens: [9, 4],
  ...chunked('application/x-ndjson', [
    line('Grüße'),
    line(', '),
    line('世界'),
    line(' 🌍'),
    line('', { done: true, done_reason: 'stop', prompt_eval_count: 9, eval_count: 4 }),
  ]),
} as const satisfies WireAnswer;

const EMBEDDING = {
  name: 'an embedding',
  protocol: 'openai',
  path: '/v1/embeddings',
  request: { model: 'text-embedding-3-small', input: 'some words' },
  tokens: [2, 0],
  ...measured(
    'application/json',
    Buffer.from(
      JSON.stringify({ data: [{ embedding: [0.1, -0.25] }], model: 'm', usage: { prompt_tokens: 2, total_tokens: 2 } }),
    ),
    [30],
  ),
} as const satisfies WireAnswer;

/** Bytes that are no text. */
export const SOUND: Buffer = Buffer.from(Array.from({ length: 700 }, (_, index) => (index * 131) % 256));

const SPEECH = {
  name: 'sound',
  protocol: 'openai',
  path: '/v1/audio/speech',
  request: { model: 'tts-1', input: 'Say this.', voice: 'alloy' },
  tokens: [0, 0],
  ...chunked('audio/mpeg', [SOUND.subarray(0, 100), SOUND.subarray(100, 101), SOUND.subarray(101)]),
} as const satisfies WireAnswer;

/** All of them. */
export const ANSWERS: readonly WireAnswer[] = [
  CHAT,
  STREAM,
  CRLF_STREAM,
  MESSAGE_STREAM,
  OLLAMA_STREAM,
  EMBEDDING,
  SPEECH,
];

/** Those that arrive piece by piece. */
export const STREAMS: readonly WireAnswer[] = [STREAM, CRLF_STREAM, MESSAGE_STREAM, OLLAMA_STREAM];

/** The chat stream as a server sends it that was asked to include usage. */
export function withInjectedUsage(): { sent: WireAnswer; expected: Buffer } {
  const plain = [delta('Grüße, '), delta('世界 🌍'), delta(' "usage":null in words'), end];
  const traced = plain.map((text) => `${text.slice(0, -1)},"usage":null}`);
  const frames = (texts: readonly string[]) => texts.map((text) => `data: ${text}\n\n`);
  return {
    sent: { ...STREAM, ...chunked('text/event-stream', [...frames(traced), `data: ${usage}\n\n`, 'data: [DONE]\n\n']) },
    expected: Buffer.from([...frames(plain), 'data: [DONE]\n\n'].join('')),
  };
}
