/** The endpoints of Perplexity's API: which are calls that are paid for, which are free, and which nobody knows yet. */
import type { OperationType, RequestReading } from './adapter.js';
import { decoded } from './values.js';

/** What method and path say of a request. */
export interface PerplexityEndpoint {
  readonly name: string;
  readonly known: boolean;
  readonly operationType: OperationType;
  readonly kind: RequestReading['kind'];
  /** The background answer that a `poll` asks for. */
  readonly polledId?: string;
}

const CALLS: readonly (readonly [RegExp, string, OperationType])[] = [
  [/\/async\/(?:chat\/completions|sonar)$/, 'async.chat.completions', 'CHAT'],
  [/\/(?:chat\/completions|sonar)$/, 'chat.completions', 'CHAT'],
  [/\/(?:responses|agent)$/, 'responses', 'CHAT'],
  [/\/search$/, 'search', 'SEARCH'],
  [/\/embeddings$/, 'embeddings', 'EMBED'],
  [/\/contextualizedembeddings$/, 'embeddings.contextualized', 'EMBED'],
];

const POLLED_ASYNC = /\/async\/(?:chat\/completions|sonar)\/([^/]+)$/;
const POLLED_RESPONSE = /\/(?:responses|agent)\/([^/]+)(\/cancel)?$/;

/** Reads a method and a path (no query, no trailing slash). Whatever base path stands before the endpoint is ignored. */
export function readPerplexityEndpoint(method: string, path: string): PerplexityEndpoint {
  const poll = readPoll(method, path);
  if (poll !== undefined) return poll;
  // Lists, files of an answer, the end of a browser session.
  if (method !== 'POST') return { name: nameOf(path), known: true, operationType: 'OTHER', kind: 'free' };
  for (const [pattern, name, operationType] of CALLS) {
    if (pattern.test(path)) return { name, known: true, operationType, kind: 'call' };
  }
  // Browser sessions are billed by their time, which no answer tells: let pass, flagged (I1).
  return { name: nameOf(path), known: false, operationType: 'OTHER', kind: 'call' };
}

function readPoll(method: string, path: string): PerplexityEndpoint | undefined {
  const polled = { known: true, operationType: 'CHAT', kind: 'poll' } as const;
  const asked = method === 'GET' ? POLLED_ASYNC.exec(path)?.[1] : undefined;
  if (asked !== undefined) return { ...polled, name: 'async.chat.completions.get', polledId: decoded(asked) };
  const [, id, cancel] = POLLED_RESPONSE.exec(path) ?? [];
  if (id === undefined) return undefined;
  if (method === 'GET' && cancel === undefined) return { ...polled, name: 'responses.retrieve', polledId: decoded(id) };
  if (method === 'POST' && cancel !== undefined) return { ...polled, name: 'responses.cancel', polledId: decoded(id) };
  return undefined;
}

/** A name for logs: the path's words after the version, without ids (bounded, for it becomes an attribute). */
function nameOf(path: string): string {
  const words = path.split('/').filter((word) => /^[a-z_-]{1,32}$/.test(word));
  return words.slice(-4).join('.') || 'unknown';
}
