/** The parts of a client of `@google/genai` that the instrument uses, described structurally; versions 1 to 3. */

/** What the client's modules hand to its transport, one object an HTTP request. */
export interface GoogleHttpRequest {
  path: string;
  httpMethod: string;
  body?: unknown;
  queryParams?: Readonly<Record<string, unknown>>;
  httpOptions?: object | undefined;
  abortSignal?: AbortSignal | undefined;
}

/** A `fetch`, as the client calls it. */
export type GoogleFetch = (input: unknown, init?: RequestInit) => Promise<Response>;

/** The arguments of `apiCall`: those behind the second exist in later versions only. */
export type ApiCallArguments = [
  url: string,
  init: RequestInit,
  retryOptions?: unknown,
  timeout?: number,
  abortSignal?: AbortSignal,
  fetchFn?: GoogleFetch,
];

/** The transport: every module of a client shares one. */
export interface GoogleApiClient {
  request(request: GoogleHttpRequest): Promise<unknown>;
  requestStream(request: GoogleHttpRequest): Promise<unknown>;
  apiCall(...given: ApiCallArguments): Promise<Response>;
  isVertexAI?(): boolean;
  getApiVersion?(): string;
  clientOptions?: { httpOptions?: { retryOptions?: { attempts?: number }; timeout?: number } };
}

/** A client. */
export interface GoogleClient {
  readonly apiClient: GoogleApiClient;
  readonly models: object;
  readonly chats?: object;
  readonly caches?: object;
  readonly batches?: object;
  readonly live?: object;
}

/**
 * Whether `client` is a client of any supported version, copy, build or module system. Told by its parts, not by its
 * class.
 */
export function isGoogleClient(client: unknown): client is GoogleClient {
  if (typeof client !== 'object' || client === null) return false;
  const apiClient: unknown = Reflect.get(client, 'apiClient');
  const models: unknown = Reflect.get(client, 'models');
  return (
    hasMethods(apiClient, ['request', 'requestStream', 'apiCall']) &&
    hasMethods(models, ['generateContent', 'embedContent'])
  );
}

/** Whether `value` is an object with all of these methods. */
export function hasMethods(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}
