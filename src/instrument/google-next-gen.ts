/**
 * The second generation of Google's API (interactions, agents, triggers, voices …), for which `@google/genai` has other
 * clients inside: one of Stainless's generator up to 2.0, one of Speakeasy's since. The latter has hooks: one before a
 * request is made, where it is decided; one before each attempt; and a fetcher, where attempts are seen. Each of the
 * client's resources makes such a client for itself, so each is guarded when it is made.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { Admission } from '../call.js';
import type { Attempt } from '../metering/attempt.js';
import { createGoogleReader, type GoogleRequestReading, readGoogleRequest } from '../providers/google.js';
import { reasonOf } from './answer-watch.js';
import type { GoogleContext } from './google-transport.js';
import { admitGoogle, sendAttempt } from './google-transport.js';
import { whileLeaving } from './original-fetch.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';
import { instrumentStainless, type StainlessDialect } from './stainless.js';
import { hasStainlessSeams, override } from './stainless-client.js';

const RESOURCES = ['interactions', 'webhooks', 'agents', 'triggers', 'environments', 'credentials', 'voices'] as const;
/** Of a call: what travels in its options from the method to the hooks. */
const CALL = Symbol('fusewire.interaction');
/** On the context of a request and on the request itself: what was decided. */
const PREPARED = Symbol('fusewire.prepared');
const GUARDED = Symbol('fusewire.guardedNextGen');

interface Interaction {
  readonly metadata: unknown;
  refusal: BudgetExceededError | undefined;
}

interface Prepared {
  readonly reading: GoogleRequestReading;
  readonly interaction: Interaction | undefined;
  admission: Admission | undefined;
  attempt: Attempt | undefined;
}

interface Hooks {
  registerBeforeCreateRequestHook?(hook: {
    beforeCreateRequest(context: object, input: CreateInput): CreateInput;
  }): void;
  registerBeforeRequestHook?(hook: { beforeRequest(context: object, request: Request): Request }): void;
}
interface CreateInput {
  readonly url: URL;
  readonly options?: Record<string | symbol, unknown>;
}
type Fetcher = (request: Request, init?: unknown) => Promise<Response>;

/** Lays the guard over the client's resources: at their first use, for the client makes them then. */
export function guardNextGen(client: object, context: GoogleContext): void {
  for (const name of RESOURCES) {
    const getter = getterOf(client, name);
    if (getter === undefined) continue;
    Object.defineProperty(client, name, {
      configurable: true,
      enumerable: false,
      get: () => {
        const resource: unknown = getter.call(client);
        if (typeof resource === 'object' && resource !== null) guardResource(resource, context);
        return resource;
      },
    });
  }
}

function getterOf(client: object, name: string): (() => unknown) | undefined {
  for (let at: object | null = client; at !== null; at = Object.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor !== undefined) return descriptor.get;
  }
  return undefined;
}

function dialectOf(context: GoogleContext): StainlessDialect<GoogleRequestReading> {
  return {
    name: '@google/genai',
    read: (request) => {
      const reading = readGoogleRequest(request);
      return reading.kind === 'poll' ? context.work.withWork(reading) : reading;
    },
    createUsageReader: createGoogleReader,
    helpers: [],
    createPending: () => ({
      madeFor: (reading) => context.work.madeFor(reading)?.metadata,
      watch: (reading, reader, metadata) => context.work.watch(reading, reader, metadata),
    }),
  };
}

function guardResource(resource: object, context: GoogleContext): void {
  if (Reflect.get(resource, GUARDED) === true) return;
  override(resource, GUARDED, true);
  const inner: unknown = Reflect.get(resource, '_client');
  if (hasStainlessSeams(inner)) {
    instrumentStainless(inner, context.path, dialectOf(context), {}, context.runtime);
    return;
  }
  const getClient: unknown = Reflect.get(resource, 'getClient');
  if (typeof getClient !== 'function') return;
  override(resource, 'getClient', (...given: unknown[]) => {
    const made: unknown = getClient.apply(resource, given);
    if (typeof made === 'object' && made !== null) guardSdk(made, context);
    return made;
  });
  guardCreate(resource);
}

/** `create` takes our metadata out of the body, and gives a refusal as it is: the client would wrap it. */
function guardCreate(resource: object): void {
  const create: unknown = Reflect.get(resource, 'create');
  if (typeof create !== 'function') return;
  override(resource, 'create', async (params: unknown, options?: unknown, ...rest: unknown[]) => {
    if (typeof params !== 'object' || params === null) return create.call(resource, params, options, ...rest);
    const { metadata } = carriedMetadata(params);
    const interaction: Interaction = { metadata, refusal: undefined };
    const carrying = { ...(options as object | undefined), [CALL]: interaction };
    try {
      return await create.call(resource, withoutMetadata(params), carrying, ...rest);
    } catch (error) {
      // Where earlier requests were answered, the client's own error holds what they gave, and the refusal as its cause.
      const { refusal } = interaction;
      const isInterrupted = error instanceof Error && error.name === 'ContinuationInterruptedError';
      if (refusal === undefined || !isInterrupted) throw refusal ?? error;
      // The client puts an error of its own between the two.
      override(error, 'cause', refusal);
      throw error;
    }
  });
}

function guardSdk(sdk: object, context: GoogleContext): void {
  if (Reflect.get(sdk, GUARDED) === true) return;
  override(sdk, GUARDED, true);
  const { hooks, http_client: http } = (Reflect.get(sdk, '_options') ?? {}) as { hooks?: Hooks; http_client?: object };
  const fetcher: unknown = http === undefined ? undefined : Reflect.get(http, 'fetcher');
  if (http === undefined || typeof fetcher !== 'function' || typeof hooks?.registerBeforeRequestHook !== 'function') {
    context.warnOnce('requests to interactions cannot be guarded in this version of @google/genai');
    return;
  }
  hooks.registerBeforeCreateRequestHook?.({
    beforeCreateRequest(about, input) {
      const prepared = prepare(input, context);
      if (prepared !== undefined) override(about, PREPARED, prepared);
      return input;
    },
  });
  hooks.registerBeforeRequestHook({
    beforeRequest(about, request) {
      const prepared: unknown = Reflect.get(about, PREPARED);
      if (prepared !== undefined) override(request, PREPARED, prepared);
      return request;
    },
  });
  override(http, 'fetcher', sendingFetcher(fetcher as Fetcher, context));
}

/** Throws a refusal, and nothing else (I2). */
function prepare({ url, options }: CreateInput, context: GoogleContext): Prepared | undefined {
  const interaction = options?.[CALL] as Interaction | undefined;
  try {
    const method = String(options?.['method'] ?? 'GET').toUpperCase();
    const read = readGoogleRequest({ method, url: String(url), body: parsed(options?.['body']) });
    const reading = read.kind === 'poll' ? context.work.withWork(read) : read;
    const admission = admitGoogle(context, reading, interaction?.metadata);
    return { reading, interaction, admission, attempt: undefined };
  } catch (error) {
    if (!(error instanceof BudgetExceededError)) {
      context.warnOnce(`a request could not be read and passes as it is: ${reasonOf(error)}`);
      return undefined;
    }
    if (interaction !== undefined) interaction.refusal = error;
    throw error;
  }
}

function sendingFetcher(fetcher: Fetcher, context: GoogleContext): Fetcher {
  return async (request, ...rest) => {
    const send = () => whileLeaving(request, () => fetcher(request, ...(rest as [])));
    const prepared = Reflect.get(request, PREPARED) as Prepared | undefined;
    if (prepared === undefined) return send();
    const { reading, interaction } = prepared;
    // A retry: of the answer before it, an error's, nobody reads the rest.
    prepared.attempt?.settle('abandoned');
    let admission: Admission;
    try {
      const admitted = prepared.admission ?? admitGoogle(context, reading, interaction?.metadata);
      const secured = context.path.secure(admitted, () => ({ signal: request.signal }));
      admission = secured instanceof Promise ? await secured : secured;
    } catch (error) {
      if (interaction !== undefined) interaction.refusal = error as BudgetExceededError;
      throw error;
    }
    prepared.admission = undefined;
    const began = (attempt: Attempt) => {
      prepared.attempt = attempt;
    };
    return sendAttempt(context, admission, reading, { caller: undefined, request: request.signal }, send, { began });
  };
}

function parsed(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
