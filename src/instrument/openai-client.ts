/** The parts of an openai client that the instrument uses, described structurally: openai 5, 6, 7 and Azure's class. */
import type { Admission } from '../call.js';

/** The request options of one call, as the client hands them to its own hooks. The same object over all retries. */
export interface OpenAIRequestOptions {
  method?: string;
  path?: string;
  query?: unknown;
  body?: unknown;
  signal?: AbortSignal | null;
  defaultBaseURL?: string;
  usageMetadata?: unknown;
}

/** What the client's `fetch` is called with. */
export type FetchFunction = (input: unknown, init?: Record<string, unknown>) => Promise<Response>;

/** An openai client. Every part may be missing in a version that is not known. */
export interface OpenAIClient {
  baseURL?: string;
  deploymentName?: string;
  fetch?: FetchFunction;
  prepareOptions?(options: OpenAIRequestOptions): Promise<void>;
  prepareRequest?(request: { headers?: unknown }, context: { options: OpenAIRequestOptions }): Promise<void>;
  request?(options: unknown, ...rest: unknown[]): unknown;
  withOptions?(options: unknown): object;
  buildURL?(path: string, query: unknown, defaultBaseURL?: string): string;
}

/** On the options of a helper's first request: the decision that was taken before the helper started. */
export const ADMITTED = Symbol('fusewire.admitted');

/** A decision that one request may use. */
export interface AdmittedAhead {
  admission: Admission | undefined;
}

/**
 * Whether `client` is an openai client of any supported version, copy or module system, Azure's class included. Told by
 * its parts, not by its class: other clients of the same generator lack some of them.
 */
export function isOpenAIClient(client: unknown): client is object {
  if (typeof client !== 'object' || client === null) return false;
  const fields = client as Record<string, unknown>;
  const has = (name: string, method: string) => {
    const part = fields[name];
    return typeof part === 'object' && part !== null && typeof Reflect.get(part, method) === 'function';
  };
  const chat = fields['chat'];
  const completions = typeof chat === 'object' && chat !== null ? Reflect.get(chat, 'completions') : undefined;
  return (
    typeof fields['request'] === 'function' &&
    typeof fields['fetch'] === 'function' &&
    typeof Reflect.get(completions ?? {}, 'create') === 'function' &&
    has('embeddings', 'create') &&
    has('moderations', 'create')
  );
}

/** Replaces a property of an instance. `false` where the object is frozen. */
export function override(target: object, name: string | symbol, value: unknown): boolean {
  return Reflect.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}
