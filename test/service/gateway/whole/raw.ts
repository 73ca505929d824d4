/** Requests as bytes, sent to the gateway or straight to its upstream, and the answers as bytes. */
import { answerOf, rawCall } from '../forward/support.js';
import { type Fault, type SeenCall, UPSTREAM_KEYS, type UpstreamName } from '../support/stand-in-upstream.js';
import type { Whole } from './whole.js';

/** A request whose every byte a test decides. */
export interface RawRequest {
  readonly name: string;
  readonly upstream: UpstreamName;
  readonly path: string;
  readonly body?: string | Buffer;
  /** @defaultValue `application/json` */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer comes in pieces. */
  readonly isStream?: boolean;
  /** Costs nothing, is not metered. */
  readonly isFree?: boolean;
}

/** An answer, and what the upstream saw of its request. */
export interface RawAnswer extends ReturnType<typeof answerOf> {
  readonly ending: 'end' | 'reset';
  readonly seen: SeenCall | undefined;
  /** By name, in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Where a request goes: with a key of the gateway to it, else with the upstream's own. */
export function placeOf(whole: Whole, request: RawRequest, key: string | undefined) {
  const own = request.upstream === 'ollama' ? 'none' : UPSTREAM_KEYS[request.upstream];
  const origin = key === undefined ? whole.standIn[request.upstream] : whole.url;
  const headers: Record<string, string> = {
    authorization: `Bearer ${key ?? own}`,
    ...(request.upstream === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}),
    ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
    connection: 'close',
    ...request.headers,
  };
  return { port: Number(new URL(origin).port), headers };
}

/** Whether an upstream's call is this request: the gateway asks for lists in between, when it likes. */
export function isCallOf({ upstream, path, body }: RawRequest): (call: SeenCall) => boolean {
  const method = body === undefined ? 'GET' : 'POST';
  return (call) => call.upstream === upstream && call.method === method && call.path === path;
}

/** Opens it; the caller reads what comes. */
export function openRaw(whole: Whole, request: RawRequest, key: string | undefined) {
  const { port, headers } = placeOf(whole, request, key);
  const method = request.body === undefined ? 'GET' : 'POST';
  return rawCall(port, request.path, Buffer.from(request.body ?? ''), { method, headers });
}

/** Asks and reads to the end. Answers to the same request have the same ids. */
export async function askRaw(
  whole: Whole,
  request: RawRequest,
  key: string | undefined,
  fault?: Fault,
): Promise<RawAnswer> {
  const { standIn } = whole;
  standIn.numberNext(31);
  const isIts = isCallOf(request);
  standIn.plan = (call) => (isIts(call) ? fault : undefined);
  const before = standIn.seen.length;
  const caller = openRaw(whole, request, key);
  const ending = await caller.closed;
  standIn.plan = undefined;
  const answer = answerOf(caller.bytes());
  const lines = answer.head.split('\r\n').slice(1);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  return { ...answer, ending, headers, seen: standIn.seen.slice(before).find(isIts) };
}

const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'cached:2 Grüße, 世界 🌍 "usage":null' }] };
const LOCAL = { ...CHAT, model: 'llama3.2' };
const CLAUDE = { ...CHAT, model: 'claude-sonnet-4-5', max_tokens: 30 };
const FORM = 'multipart/form-data; boundary=xYzZY';

/** A form with a file of bytes that are no text. */
export function formOf(fields: Readonly<Record<string, string>>, fileField: string): Buffer {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--xYzZY\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `--xYzZY\r\nContent-Disposition: form-data; name="${fileField}"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n`;
  const bytes = Buffer.from([0xff, 0xfb, 0x00, 0x0d, 0x0a, 0x2d, 0x2d, 0x78, 0x0d, 0x0a]);
  return Buffer.concat([Buffer.from(parts.join('')), Buffer.from(file), bytes, Buffer.from('\r\n--xYzZY--\r\n')]);
}

const post = (name: string, upstream: UpstreamName, path: string, body: object, more: Partial<RawRequest> = {}) => ({
  ...{ name, upstream, path, body: JSON.stringify(body) },
  ...more,
});
const streams = { isStream: true } as const;

/** Every endpoint that is forwarded, plain and streamed. */
export const REQUESTS: readonly RawRequest[] = [
  post('ollama chat', 'ollama', '/api/chat', LOCAL, streams),
  post('ollama chat, plain', 'ollama', '/api/chat', { ...LOCAL, stream: false }),
  post('ollama generate', 'ollama', '/api/generate', { model: 'llama3.2', prompt: 'Grüße' }, streams),
  post('ollama generate, plain', 'ollama', '/api/generate', { model: 'llama3.2', prompt: 'hi', stream: false }),
  post('ollama embed', 'ollama', '/api/embed', { model: 'llama3.2', input: ['a', 'b'] }),
  post('ollama embeddings', 'ollama', '/api/embeddings', { model: 'llama3.2', prompt: 'a' }),
  post('ollama show', 'ollama', '/api/show', { model: 'llama3.2' }, { isFree: true }),
  { name: 'ollama tags', upstream: 'ollama', path: '/api/tags', isFree: true },
  { name: 'ollama ps', upstream: 'ollama', path: '/api/ps', isFree: true },
  { name: 'ollama version', upstream: 'ollama', path: '/api/version', isFree: true },
  post('chat of a local model', 'ollama', '/v1/chat/completions', LOCAL),
  post('chat of a local model, streamed', 'ollama', '/v1/chat/completions', { ...LOCAL, stream: true }, streams),
  post('chat', 'openai', '/v1/chat/completions', CHAT),
  post('chat, streamed', 'openai', '/v1/chat/completions', { ...CHAT, stream: true, n: 2 }, streams),
  post('responses', 'openai', '/v1/responses', { model: 'gpt-4o-mini', input: 'hi' }),
  post('responses, streamed', 'openai', '/v1/responses', { model: 'gpt-4o-mini', input: 'hi', stream: true }, streams),
  post('completions', 'openai', '/v1/completions', { model: 'gpt-3.5-turbo-instruct', prompt: 'hi' }),
  post(
    'completions, streamed',
    'openai',
    '/v1/completions',
    { model: 'gpt-3.5-turbo-instruct', prompt: 'hi', stream: true },
    streams,
  ),
  post('embeddings', 'openai', '/v1/embeddings', { model: 'text-embedding-3-small', input: 'hi' }),
  post('images', 'openai', '/v1/images/generations', { model: 'gpt-image-1', prompt: 'a cat' }),
  post(
    'images, streamed',
    'openai',
    '/v1/images/generations',
    { model: 'gpt-image-1', prompt: 'a cat', stream: true, partial_images: 2 },
    streams,
  ),
  {
    name: 'images, an edit',
    upstream: 'openai',
    path: '/v1/images/edits',
    body: formOf({ model: 'gpt-image-1', prompt: 'ein Hut' }, 'image'),
    contentType: FORM,
  },
  post('speech', 'openai', '/v1/audio/speech', { model: 'tts-1', input: 'hi', voice: 'alloy' }),
  {
    name: 'a transcription',
    upstream: 'openai',
    path: '/v1/audio/transcriptions',
    body: formOf({ model: 'gpt-4o-mini-transcribe' }, 'file'),
    contentType: FORM,
  },
  {
    name: 'a transcription, streamed',
    upstream: 'openai',
    path: '/v1/audio/transcriptions',
    body: formOf({ stream: 'true', model: 'gpt-4o-mini-transcribe' }, 'file'),
    contentType: FORM,
    isStream: true,
  },
  {
    name: 'a translation as subtitles',
    upstream: 'openai',
    path: '/v1/audio/translations',
    body: formOf({ model: 'whisper-1', response_format: 'srt' }, 'file'),
    contentType: FORM,
  },
  post('moderations', 'openai', '/v1/moderations', { input: 'hi', model: 'omni-moderation-latest' }),
  post('messages', 'anthropic', '/v1/messages?beta=true', CLAUDE),
  post('messages, streamed', 'anthropic', '/v1/messages', { ...CLAUDE, stream: true }, streams),
  post(
    'count_tokens',
    'anthropic',
    '/v1/messages/count_tokens',
    { ...CLAUDE, max_tokens: undefined },
    { isFree: true },
  ),
];
