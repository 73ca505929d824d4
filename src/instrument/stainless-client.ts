/**
 * The parts of a client made by Stainless's generator that the instrument uses, described structurally: openai 5 to 7
 * and Azure's class, @anthropic-ai/sdk with its Bedrock and Vertex packages, @perplexity-ai/perplexity_ai.
 */
import type { Admission } from '../call.js';

/** The request options of one call, as the client hands them to its own hooks. The same object over all retries. */
export interface StainlessRequestOptions {
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

/** A client. Every part may be missing in a version that is not known. */
export interface StainlessClient {
  baseURL?: string;
  deploymentName?: string;
  fetch?: FetchFunction;
  prepareOptions?(options: StainlessRequestOptions): Promise<void>;
  prepareRequest?(request: { headers?: unknown }, context: { options: StainlessRequestOptions }): Promise<void>;
  request?(options: unknown, ...rest: unknown[]): unknown;
  withOptions?(options: unknown): object;
  buildURL?(path: string, query: unknown, defaultBaseURL?: string): string;
}

/** On the options of a helper's first request, or on their signal: the decision that was taken before the helper started. */
export const ADMITTED = Symbol('fusewire.admitted');

/** A decision that one request may use. */
export interface AdmittedAhead {
  admission: Admission | undefined;
}

/** Replaces a property of an instance. `false` where the object is frozen. */
export function override(target: object, name: string | symbol, value: unknown): boolean {
  return Reflect.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

/** Whether `client` has the seams of the generator: told by its parts, not by its class. */
export function hasStainlessSeams(client: unknown): client is object {
  if (typeof client !== 'object' || client === null) return false;
  const fields = client as Record<string, unknown>;
  return typeof fields['request'] === 'function' && typeof fields['fetch'] === 'function';
}

/** The part of `client` at the end of these names, or `undefined`. */
export function partOf(client: object, ...names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (part, name) => (typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined),
    client,
  );
}

/** Ways into a client that go past its resources. */
export const STAINLESS_METHODS: readonly string[] = [
  ...['request', 'get', 'post', 'put', 'patch', 'delete', 'methodRequest', 'getAPIList', 'requestAPIList'],
  'withOptions',
];

/** At once, or when a hold was waited for. */
export type Held<T> = T | Promise<T>;

/** Goes on with a value, when it is there. */
export function after<T, U>(value: Held<T>, next: (value: T) => U): Held<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** What is kept on an object under `name`. */
export function kept<T>(holder: unknown, name: symbol): T | undefined {
  return isObject(holder) ? (Reflect.get(holder, name) as T | undefined) : undefined;
}

/** Whether properties can be read of it. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Whether it is to be waited for. */
export function isThenable(value: unknown): boolean {
  return isObject(value) && typeof Reflect.get(value, 'then') === 'function';
}
