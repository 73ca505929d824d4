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
  [/\/chat\/completions$/, 'chat.completions', 'CHAT'],
  [/\/responses$/, 'responses', 'CHAT'],
  [/\/responses\/compact$/, 'responses.compact', 'CHAT'],
  [/\/embeddings$/, 'embeddings', 'EMBED'],
  // GENERATE is Ollama's own word; OpenAI's old endpoint is metered as CHAT by the public SDKs.
  [/\/completions$/, 'completions', 'CHAT'],
  [/\/moderations$/, 'moderations', 'MODERATION'],
  [/\/images\/generations$/, 'images.generations', 'IMAGE', 'generation'],
  [/\/images\/edits$/, 'images.edits', 'IMAGE', 'edit'],
  [/\/images\/variations$/, 'images.variations', 'IMAGE', 'variation'],
  [/\/audio\/speech$/, 'audio.speech', 'AUDIO', 'tts'],
  [/\/audio\/transcriptions$/, 'audio.transcriptions', 'AUDIO', 'transcription'],
  [/\/audio\/translations$/, 'audio.translations', 'AUDIO', 'translation'],
  [/\/videos$/, 'videos', 'VIDEO', 'generation'],
  [/\/videos\/edits$/, 'videos.edits', 'VIDEO', 'edit'],
  [/\/videos\/extensions$/, 'videos.extensions', 'VIDEO', 'extend'],
  [/\/videos\/[^/]+\/remix$/, 'videos.remix', 'VIDEO', 'edit'],
];

/** Paid for, and not yet understood: let pass, flagged, metered as far as the answer's usage is readable (I1). */
const UNKNOWN: readonly (readonly [RegExp, OperationType])[] = [
  [/\/images\/\w+$/, 'IMAGE'],
  [/\/audio\/\w+$/, 'AUDIO'],
  [/\/videos?(\/|$)/, 'VIDEO'],
  [/\/rerank$/, 'RERANK'],
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
  if (FREE.test(path)) return { name: nameOf(path), known: true, operationType: 'OTHER', kind: 'free' };
  const operationType = UNKNOWN.find(([pattern]) => pattern.test(path))?.[1] ?? 'OTHER';
  return { name: nameOf(path), known: false, operationType, kind: 'call' };
}

/** A name for logs: the path's words after the version, without ids (bounded, for it becomes an attribute). */
function nameOf(path: string): string {
  const words = path.split('/').filter((word) => /^[a-z_-]{1,32}$/.test(word) && word !== 'openai');
  return words.slice(-4).join('.') || 'unknown';
}
