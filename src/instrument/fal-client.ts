/** The parts of a client of @fal-ai/client that its instrument uses, described structurally. */

/** The options of a call; the client hands what it does not know to nobody. */
export interface FalOptions {
  readonly input?: unknown;
  readonly method?: string;
  readonly url?: string;
  readonly usageMetadata?: unknown;
  readonly requestId?: string;
  readonly webhookUrl?: string;
}

/** A method that takes an endpoint id and options. */
export type FalMethod = (this: unknown, endpointId: string, options?: FalOptions) => Promise<unknown>;
/** What the client sends with. */
export type FalFetch = (input: unknown, init?: RequestInit) => Promise<Response>;

/** A client, or the singleton `fal`, whose parts are those of the client that it was configured to last. */
export interface FalClient {
  run: FalMethod;
  subscribe: FalMethod;
  stream: FalMethod;
  readonly queue: object;
  readonly streaming: object;
  readonly realtime: object;
  readonly storage: object;
  config?(configuration: unknown): void;
}

/** Whether `client` is the singleton or a client of any copy or version: told by its parts. */
export function isFalClient(client: unknown): client is FalClient & object {
  if (typeof client !== 'object' || client === null) return false;
  const fields = client as Record<string, unknown>;
  const { queue, streaming, storage } = fields;
  return (
    ['run', 'subscribe', 'stream'].every((name) => typeof fields[name] === 'function') &&
    hasMethod(queue, 'submit') &&
    hasMethod(queue, 'result') &&
    hasMethod(streaming, 'stream') &&
    hasMethod(storage, 'upload')
  );
}

/**
 * The configuration of a client: every request reads `fetch` from it. The client shows it to nobody but its streams; so
 * one is opened that waits for ever for a token, and sends nothing.
 */
export async function configOf(openStream: FalMethod, streaming: object): Promise<{ fetch: FalFetch } | undefined> {
  const never = { connectionMode: 'client', tokenProvider: () => new Promise<string>(() => undefined) };
  const stream = (await openStream.call(streaming, 'fusewire/configuration', never as FalOptions)) as object;
  const config: unknown = Reflect.get(stream, 'config');
  if (typeof config !== 'object' || config === null) return undefined;
  return typeof Reflect.get(config, 'fetch') === 'function' ? (config as { fetch: FalFetch }) : undefined;
}

/** An own method in place of another, as visible as that was. */
export function layOver(target: object, name: string, value: unknown): void {
  const enumerable = Object.getOwnPropertyDescriptor(target, name)?.enumerable === true;
  Reflect.defineProperty(target, name, { value, enumerable, writable: true, configurable: true });
}

function hasMethod(part: unknown, name: string): boolean {
  return typeof part === 'object' && part !== null && typeof Reflect.get(part, name) === 'function';
}
