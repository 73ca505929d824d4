/** The endpoints of OpenAI's API: which are calls that are paid for, which are free, and which nobody knows yet. */
import type { OperationType, RequestReading } from './adapter.js';

/** What method and path say of a request. */
export interface Endpoint {
  readonly name: string;
  readonly known: boolean;
  readonly operationType: OperationType;
  readonly operationSubtype?: string;
  readonly kind: RequestReading['kind'];
  /** The response that a `poll` asks for. */
  readonly responseId?: string;
}

type Call = readonly [path: RegExp, name: string, operationType: OperationType, operationSubtype?: string];

const CALLS: readonly Call[] = [
  [/\/chat\/completions$/i, 'chat.completions', 'CHAT'],
  [/\/responses$/i, 'responses', 'CHAT'],
  [/\/responses\/compact$/i, 'responses.compact', 'CHAT'],
  [/\/embeddings$/i, 'embeddings', 'EMBED'],
  // GENERATE is Ollama's own word; OpenAI's old endpoint is metered as CHAT by the public SDKs.
  [/\/completions$/i, 'completions', 'CHAT'],
  [/\/moderations$/i, 'moderations', 'MODERATION'],
  [/\/images\/generations$/i, 'images.generations', 'IMAGE', 'generation'],
  [/\/images\/edits$/i, 'images.edits', 'IMAGE', 'edit'],
  [/\/images\/variations$/i, 'images.variations', 'IMAGE', 'variation'],
  [/\/audio\/speech$/i, 'audio.speech', 'AUDIO', 'tts'],
  [/\/audio\/transcriptions$/i, 'audio.transcriptions', 'AUDIO', 'transcription'],
  [/\/audio\/translations$/i, 'audio.translations', 'AUDIO', 'translation'],
  [/\/videos$/i, 'videos', 'VIDEO', 'generation'],
  [/\/videos\/edits$/i, 'videos.edits', 'VIDEO', 'edit'],
  [/\/videos\/extensions$/i, 'videos.extensions', 'VIDEO', 'extend'],
  [/\/videos\/[^/]+\/remix$/i, 'videos.remix', 'VIDEO', 'edit'],
];

/** Paid for, and not yet understood: let pass, flagged, metered as far as the answer's usage is readable (I1). */
const UNKNOWN: readonly (readonly [RegExp, OperationType])[] = [
  [/\/images\/\w+$/i, 'IMAGE'],
  [/\/audio\/\w+$/i, 'AUDIO'],
  [/\/videos?(\/|$)/, 'VIDEO'],
  [/\/rerank$/i, 'RERANK'],
];

/** Collections in which a POST stores, changes or counts something and computes nothing that has a price. */
const FREE =
  /\/(files|uploads|vector_stores|containers|conversations|webhooks|organization|projects|models|skills)(\/|$)|\/chat\/completions\/|\/responses\/input_tokens/;

const POLL = /\/responses\/([^/]+)(\/cancel)?$/;

/** Reads a method and a path (no query, no trailing slash). Whatever base path stands before the endpoint is ignored. */
export function readEndpoint(method: string, path: string): Endpoint {
  const poll = POLL.exec(path);
  if (poll !== null && (method === 'GET' ? poll[2] === undefined : method === 'POST' && poll[2] !== undefined)) {
    const name = method === 'GET' ? 'responses.retrieve' : 'responses.cancel';
    return { name, known: true, operationType: 'CHAT', kind: 'poll', responseId: poll[1]! };
  }
  if (method !== 'POST') return { name: nameOf(path), known: true, operationType: 'OTHER', kind: 'free' };
  for (const [pattern, name, operationType, operationSubtype] of CALLS) {
    if (!pattern.test(path)) continue;
    const subtype = operationSubtype === undefined ? {} : { operationSubtype };
    return { name, known: true, operationType, ...subtype, kind: 'call' };
  }
  if (FREE.test(behindBase(path))) return { name: nameOf(path), known: true, operationType: 'OTHER', kind: 'free' };
  const operationType = UNKNOWN.find(([pattern]) => pattern.test(path))?.[1] ?? 'OTHER';
  return { name: nameOf(path), known: false, operationType, kind: 'call' };
}

/** What stands before the endpoint may hold any word, a project's or a model's. */
function behindBase(path: string): string {
  return /^.*\/(?:v\d+\w*|openai|openapi)(?=\/)(.*)$/s.exec(path)?.[1] ?? path;
}

/** A path as a server reads it: without dot segments, doubled slashes and escapes. */
export function plainPath(path: string): string {
  if (!/%|\/\.|\/\/|\\/.test(path)) return path;
  try {
    const { pathname } = new URL(`http://host${path.startsWith('/') ? '' : '/'}${path}`);
    return decodeURIComponent(pathname)
      .replace(/\/{2,}/g, '/')
      .replace(/\/$/, '');
  } catch {
    return path;
  }
}

/** A name for logs: the path's words after the version, without ids (bounded, for it becomes an attribute). */
function nameOf(path: string): string {
  const words = path.split('/').filter((word) => /^[a-z_-]{1,32}$/.test(word) && word !== 'openai');
  return words.slice(-4).join('.') || 'unknown';
}
