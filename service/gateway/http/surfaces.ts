/**
 * Which paths the gateway serves: an exact table. What is not in it is not served, so that no path can reach an upstream
 * that reads it differently from how it was read here: dot segments, doubled, encoded or trailing slashes, other case and
 * absolute addresses are simply other texts. The one path with a parameter, `/v1/models/{id}`, is never forwarded.
 *
 * Answers of OpenAI's background mode (`/v1/responses/{id}` and what stands below) are not served: they are found by an id
 * alone, and with one upstream account for many customers a customer could read another one's.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Dialect, Surface } from '../types.js';

/** Characters of a query string that is passed on; Anthropic's clients send `?beta=true`. */
export const QUERY_LENGTH_MAX = 1_024;
/** Names of models are at most so long, percent-encoded characters counted as one. */
export const MODEL_ID_LENGTH_MAX = 256;

const MODEL_PREFIX = '/v1/models/';
/** What RFC 3986 allows in a query, percent signs in whole triplets only. */
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;
const SEGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+$/;
const DOTS_OR_NOTHING = /^\.{0,2}$/;
/** ASCII control characters, C1 among them. */
const CONTROL = /\p{Cc}/u;

type Row = readonly [name: string, method: Surface['method'], path: string];

const CALLS: Readonly<Record<Dialect, readonly Row[]>> = {
  ollama: [
    ['ollama.chat', 'POST', '/api/chat'],
    ['ollama.generate', 'POST', '/api/generate'],
    ['ollama.embed', 'POST', '/api/embed'],
    ['ollama.embeddings', 'POST', '/api/embeddings'],
  ],
  openai: [
    ['openai.chat.completions', 'POST', '/v1/chat/completions'],
    ['openai.responses', 'POST', '/v1/responses'],
    ['openai.completions', 'POST', '/v1/completions'],
    ['openai.embeddings', 'POST', '/v1/embeddings'],
    ['openai.images.generations', 'POST', '/v1/images/generations'],
    ['openai.images.edits', 'POST', '/v1/images/edits'],
    ['openai.images.variations', 'POST', '/v1/images/variations'],
    ['openai.audio.speech', 'POST', '/v1/audio/speech'],
    ['openai.audio.transcriptions', 'POST', '/v1/audio/transcriptions'],
    ['openai.audio.translations', 'POST', '/v1/audio/translations'],
    ['openai.moderations', 'POST', '/v1/moderations'],
  ],
  anthropic: [['anthropic.messages', 'POST', '/v1/messages']],
};

const FREE: Readonly<Record<Dialect, readonly Row[]>> = {
  ollama: [
    ['ollama.show', 'POST', '/api/show'],
    ['ollama.tags', 'GET', '/api/tags'],
    ['ollama.ps', 'GET', '/api/ps'],
    ['ollama.version', 'GET', '/api/version'],
  ],
  openai: [],
  anthropic: [['anthropic.messages.count_tokens', 'POST', '/v1/messages/count_tokens']],
};

/** `/` is what Ollama's command line asks before anything else. */
const HEALTH: readonly (readonly [name: string, path: string])[] = [
  ['health', '/health'],
  ['health.ollama', '/health/ollama'],
  ['health.alive', '/healthz'],
  ['health.ready', '/readyz'],
  ['ping', '/'],
];

const TABLE: ReadonlyMap<string, Surface> = createTable();
const ANTHROPIC_MODELS = surface('anthropic.models', 'anthropic', 'models', 'GET', '/v1/models');

/** Every surface of the table, for documents and tests; `/v1/models/{id}` is not in it. */
export const SURFACES: readonly Surface[] = Object.freeze([...TABLE.values()]);

/**
 * What a request asks for, or `undefined` where the gateway does not serve it; {@link queryOf} says what goes on of its
 * query string. `headers` tell whose form the answer of `/v1/models` has, which two protocols share.
 */
export function surfaceOf(method: string, rawUrl: string, headers?: IncomingHttpHeaders): Surface | undefined {
  const mark = rawUrl.indexOf('?');
  const path = mark < 0 ? rawUrl : rawUrl.slice(0, mark);
  const found = TABLE.get(`${method} ${path}`) ?? modelSurface(method, path, headers);
  if (found === undefined || (mark >= 0 && !isSoundQuery(rawUrl, mark))) return undefined;
  return found.name === 'openai.models' && isAnthropic(headers) ? ANTHROPIC_MODELS : found;
}

/**
 * `?…` as it goes on to the upstream, or the empty text. Ollama's protocol knows no query and our own answers read none:
 * theirs is dropped.
 */
export function queryOf(surface: Surface, rawUrl: string): string {
  if (surface.dialect === 'ollama' || surface.kind === 'models' || surface.kind === 'health') return '';
  const mark = rawUrl.indexOf('?');
  return mark < 0 || mark === rawUrl.length - 1 ? '' : rawUrl.slice(mark);
}

/** The model that `/v1/models/{id}` asks about; `undefined` for every other surface. */
export function modelIdOf(surface: Surface): string | undefined {
  return surface.path.startsWith(MODEL_PREFIX) ? decodedModelId(surface.path) : undefined;
}

/** Methods that a path is served with, for 405; empty where it is not served at all. */
export function methodsOf(rawUrl: string): readonly string[] {
  const path = rawUrl.split('?', 1)[0] ?? '';
  return ['GET', 'HEAD', 'POST'].filter((method) => surfaceOf(method, path) !== undefined);
}

/** The form in which an error about any path is written, served or not. */
export function dialectOf(rawUrl: string, headers: IncomingHttpHeaders): Dialect {
  if (rawUrl.startsWith('/v1/messages') || isAnthropic(headers)) return 'anthropic';
  return rawUrl.startsWith('/api/') ? 'ollama' : 'openai';
}

function isAnthropic(headers: IncomingHttpHeaders | undefined): boolean {
  return headers?.['anthropic-version'] !== undefined;
}

function isSoundQuery(rawUrl: string, mark: number): boolean {
  return rawUrl.length - mark - 1 <= QUERY_LENGTH_MAX && QUERY.test(rawUrl.slice(mark + 1));
}

function modelSurface(method: string, path: string, headers: IncomingHttpHeaders | undefined): Surface | undefined {
  if (method !== 'GET' || !path.startsWith(MODEL_PREFIX) || decodedModelId(path) === undefined) return undefined;
  return isAnthropic(headers)
    ? { name: 'anthropic.models.one', dialect: 'anthropic', kind: 'models', method, path }
    : { name: 'openai.models.one', dialect: 'openai', kind: 'models', method, path };
}

/** One segment of a path, whose slashes are encoded (`hf.co%2Fuser%2Fmodel`); none of its parts may be empty or dots. */
function decodedModelId(path: string): string | undefined {
  const sent = path.slice(MODEL_PREFIX.length);
  if (sent.length > MODEL_ID_LENGTH_MAX * 3 || !SEGMENT.test(sent)) return undefined;
  const id = decoded(sent);
  if (id === undefined || id.length > MODEL_ID_LENGTH_MAX || CONTROL.test(id) || id.includes('\\')) return undefined;
  return id.split('/').some((part) => DOTS_OR_NOTHING.test(part)) ? undefined : id;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function createTable(): ReadonlyMap<string, Surface> {
  const all: Surface[] = [];
  const add = (dialect: Dialect, kind: Surface['kind'], rows: readonly Row[]) => {
    for (const [name, method, path] of rows) all.push(surface(name, dialect, kind, method, path));
  };
  for (const dialect of ['ollama', 'openai', 'anthropic'] as const) {
    add(dialect, 'call', CALLS[dialect]);
    add(dialect, 'free', FREE[dialect]);
  }
  add('ollama', 'models', [['ollama.models', 'GET', '/api/models']]);
  add('openai', 'models', [['openai.models', 'GET', '/v1/models']]);
  for (const [name, path] of HEALTH) {
    for (const method of ['GET', 'HEAD'] as const) add('openai', 'health', [[name, method, path]]);
  }
  return new Map(all.map((entry) => [`${entry.method} ${entry.path}`, entry]));
}

function surface(
  name: string,
  dialect: Dialect,
  kind: Surface['kind'],
  method: Surface['method'],
  path: string,
): Surface {
  return Object.freeze({ name, dialect, kind, method, path });
}
