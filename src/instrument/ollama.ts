/**
 * The instrument of the ollama client: own methods over the prototype's, so that `instanceof`, subclasses and the type
 * stay. A call is decided in its method, before anything is sent, and its HTTP request is seen in the client's `fetch`.
 */
import type { Admission, CallPath } from '../call.js';
import type { Log } from '../log.js';
import type { RequestReading } from '../providers/adapter.js';
import { ollamaAdapter } from '../providers/ollama.js';
import type { ClientInstrument } from './client-instrument.js';
import { isGuarded, markGuarded } from './guarded-mark.js';
import { MeteredCall } from './metered-call.js';
import { installFetch, type OllamaCorrelation } from './ollama-fetch.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';
import { watchStream } from './watch-stream.js';

/** The methods that compute, with the path of each. */
const METHODS: ReadonlyMap<string, string> = new Map([
  ['chat', 'api/chat'],
  ['generate', 'api/generate'],
  ['embed', 'api/embed'],
  ['embeddings', 'api/embeddings'],
  ['systemone', 'v1/systemone'],
]);

/** What the client itself writes into the caller's request; written through our copy, it must arrive there too. */
const WRITTEN_BY_CLIENT: ReadonlyMap<string, readonly string[]> = new Map([
  ['chat', ['stream']],
  ['generate', ['stream', 'images']],
]);

type Method = (this: unknown, request: unknown, ...rest: unknown[]) => Promise<unknown>;

/** What an instrument is given. */
export interface InstrumentOllamaOptions {
  readonly log: Log;
  /** As in `GuardOptions`. */
  readonly gateway?: boolean | undefined;
}

/** Whether `client` is an ollama client of any copy or version: an instance, the default export, a subclass. */
export function isOllamaClient(client: unknown): client is object {
  if (typeof client !== 'object' || client === null) return false;
  const fields = client as Record<string, unknown>;
  const methods = ['chat', 'generate', 'embeddings', 'abort', 'processStreamableRequest'];
  return methods.every((name) => typeof fields[name] === 'function') && typeof fields['config'] === 'object';
}

/**
 * Guards and meters `client`, and returns it. Safe to call twice: the first instance that guards a client keeps it.
 * Never throws: a client that cannot be changed (frozen) is returned as it is, and the log says so.
 */
export function instrumentOllama<T extends object>(client: T, path: CallPath, options: InstrumentOllamaOptions): T {
  if (isGuarded(client)) return client;
  if (!markGuarded(client)) {
    options.log.error('an ollama client is frozen and cannot be guarded');
    return client;
  }
  const correlation: OllamaCorrelation = { leaving: undefined, unsent: new Set() };
  installFetch(client, path, correlation, options.gateway);
  for (const [name, endpointPath] of METHODS) {
    const original: unknown = Reflect.get(client, name);
    if (typeof original !== 'function') continue;
    const guarded = guardMethod(original as Method, name, endpointPath, path, correlation, options.log);
    Object.defineProperty(guarded, 'name', { value: name });
    Reflect.defineProperty(client, name, { value: guarded, writable: true, configurable: true, enumerable: false });
  }
  return client;
}

function guardMethod(
  original: Method,
  name: string,
  endpointPath: string,
  path: CallPath,
  correlation: OllamaCorrelation,
  log: Log,
): Method {
  return async function (this: unknown, request: unknown, ...rest: unknown[]): Promise<unknown> {
    if (typeof request !== 'object' || request === null) return original.call(this, request, ...rest);
    const { metadata } = carriedMetadata(request);
    const asked = withoutMetadata(request);
    const admitted = admit(path, endpointPath, asked, metadata);
    if (admitted === undefined) return original.call(this, asked, ...rest);
    const { call, copy } = admitted instanceof Promise ? await admitted : admitted;
    announceWhenSerialised(copy, () => {
      correlation.leaving = call;
    });
    correlation.unsent.add(call);
    let result: unknown;
    try {
      result = await original.call(this, copy, ...rest);
    } catch (error) {
      call.failed(error);
      throw error;
    } finally {
      correlation.unsent.delete(call);
      call.unsent();
      if (correlation.leaving === call) correlation.leaving = undefined;
      writeBack(WRITTEN_BY_CLIENT.get(name) ?? [], copy, request);
    }
    take(call, result, log);
    return result;
  };
}

interface Admitted {
  readonly call: MeteredCall;
  /** What is sent. */
  readonly copy: object;
}

/** Stations 1 and 2. `undefined` where the adapter does not know the request. */
function admit(
  path: CallPath,
  endpointPath: string,
  copy: object,
  metadata: unknown,
): Admitted | Promise<Admitted> | undefined {
  const reading = read(endpointPath, copy);
  if (reading === undefined) return undefined;
  const secured = path.secure(path.admit(reading, metadata), () => ({
    change: { body: copy, read: (body) => read(endpointPath, body) ?? reading },
  }));
  const begin = (admission: Admission): Admitted => {
    const { request, body = copy } = admission;
    const createReader = () => ollamaAdapter.createUsageReader(request);
    return { call: new MeteredCall(path, admission, metadata, createReader), copy: body };
  };
  return secured instanceof Promise ? secured.then(begin) : begin(secured);
}

/** The client turns an absent `stream` into false; the server's own default is true. */
function read(endpointPath: string, request: object): RequestReading | undefined {
  const body = { ...request, stream: Boolean((request as { stream?: unknown }).stream) };
  return ollamaAdapter.readRequest({ method: 'POST', url: `/${endpointPath}`, body });
}

/** Hands the answer to the call; whatever goes wrong here is ours and must not cost the caller the answer (I2). */
function take(call: MeteredCall, result: unknown, log: Log): void {
  try {
    if (!call.wasSent) call.sent();
    if (isStream(result)) watchStream(result, call, false);
    else call.whole(result);
  } catch (error) {
    log.error('an ollama answer could not be metered; please report this', { error: String(error) });
  }
}

function isStream(result: unknown): result is AsyncIterable<unknown> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result;
}

/**
 * Links a method's call to its HTTP request without any state that outlives a synchronous run: the client serialises
 * the request and calls `fetch` in one go, so `JSON.stringify` itself tells which call the next `fetch` belongs to.
 * Enumerable, because some methods spread the request first.
 */
function announceWhenSerialised(copy: object, announce: () => void): void {
  const own = Reflect.get(copy, 'toJSON');
  Reflect.defineProperty(copy, 'toJSON', {
    value(this: object, key: string): unknown {
      announce();
      if (typeof own === 'function') return own.call(this, key);
      const { toJSON: _, ...plain } = this as { toJSON?: unknown };
      return plain;
    },
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function writeBack(names: readonly string[], copy: object, request: object): void {
  for (const name of names) {
    const value: unknown = Reflect.get(copy, name);
    if (name in copy && Reflect.get(request, name) !== value) Reflect.set(request, name, value);
  }
}

/** See {@link ClientInstrument}. */
export const ollamaInstrument: ClientInstrument = {
  name: 'ollama',
  knows: 'ollama (0.5, 0.6)',
  recognises: isOllamaClient,
  instrument: (client, path, { gateway }, { log }) => void instrumentOllama(client, path, { log, gateway }),
  packages: [
    {
      name: 'ollama',
      clientFiles: /^dist\/(browser|index)\.[mc]js$/,
      clientFileNames: ['browser', 'index'].flatMap((name) => [`${name}.mjs`, `${name}.cjs`, `${name}.js`]),
      entryFiles: ['dist/browser.mjs', 'dist/browser.cjs'],
      deep: ['browser'],
      classes: [
        {
          exportName: 'Ollama',
          brand: 'chat',
          methods: [...METHODS.keys(), 'processStreamableRequest', 'webSearch', 'webFetch'],
        },
      ],
    },
  ],
};
