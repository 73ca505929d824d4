/** Adapters from outside: guards and meters the clients of a provider that this package does not know. */
import type { CallBound } from '../bound/types.js';
import type { CallPath } from '../call.js';
import { FusewireError } from '../errors.js';
import type {
  CapturedPrompts,
  OperationType,
  RequestReading,
  TokenConvention,
  UsageReading,
} from '../providers/adapter.js';
import type { Runtime } from '../runtime.js';
import type { MediaFields } from '../wire/usage-event.js';
import { definitionProblems } from './define-provider-check.js';
import { isGuarded, markGuarded } from './guarded-mark.js';
import { guardOutsideMethod } from './outside-method.js';

/** What a request says, as far as an adapter from outside tells. Everything may be left out. */
export interface OutsideRequest {
  readonly model?: string;
  /** Wire name. Default: the provider's name in upper case. */
  readonly provider?: string;
  /** Wire name. Default: `provider`. */
  readonly modelSource?: string;
  /** Default: `CHAT`. */
  readonly operationType?: OperationType;
  readonly operationSubtype?: string;
  /** Default: whether the answer turns out to be an async iterable. */
  readonly streaming?: boolean;
  readonly temperature?: number;
  /** The text of the prompt, or what gives it; for the estimate of an answer that came without counts. */
  readonly prompt?: string | (() => string);
  /** Whether the provider's response ids are unique for ever, so that they can be transaction ids. Default: false. */
  readonly idsAreUnique?: boolean;
  /** The request carries images. */
  readonly hasVisionContent?: boolean;
  /** Of `IMAGE`, `AUDIO` and `VIDEO`: what is to be made or heard (contract 5.4 to 5.6), such as `requestedImageCount`. */
  readonly media?: MediaFields;
  readonly requestedServiceTier?: string;
  /** `BATCH` where the provider's batch price applies. */
  readonly pricingTier?: 'STANDARD' | 'BATCH';
  /** The adapter's own facts, for the event's `attributes`. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** The prompt as capture keeps it; called only where capture is on. */
  prompts?(): CapturedPrompts;
  /**
   * What the call can consume at most, for hard budgets; `assumedOutputTokens` stands for the output where the request
   * limits none. Default: the bytes of `prompt` as input, `assumedOutputTokens` as output, and what `media` asks for.
   */
  bound?(assumedOutputTokens: number): CallBound;
}

/**
 * Reads one answer. `whole` gets a plain answer, `chunk` each chunk of a streamed one; `reading` tells at any time. An
 * answer of which nothing is read (no counts, no text, no media, no cost) is metered as `unknown`.
 */
export interface OutsideUsageReader {
  whole?(answer: unknown): void;
  chunk?(chunk: unknown): void;
  /**
   * What is known by now. Counts that the provider did not give stay away; they are never 0. What is no count (`NaN`, a
   * negative number, a text) counts as not given.
   */
  reading(): Partial<UsageReading>;
}

/** An adapter from outside. */
export interface ProviderDefinition {
  /** Names the provider in logs and events. */
  readonly name: string;
  /** Whether `client` is one of this provider's. */
  matches(client: object): boolean;
  /**
   * Paths of the methods that make one request each, such as `chat.complete`. Name the lowest ones: a method that calls
   * another one of the list would be decided and metered twice.
   */
  readonly methods: readonly string[];
  /** Those of `methods` that return no promise, but for example a stream: a refusal is thrown from them. */
  readonly throwing?: readonly string[];
  /** Reads the arguments of a call, or `undefined` to let it pass, neither decided nor metered. */
  readRequest(method: string, args: readonly unknown[]): OutsideRequest | undefined;
  createUsageReader(request: RequestReading): OutsideUsageReader;
  /** Where the provider counts tokens that have a price of their own. Default: cache and reasoning inside. */
  readonly tokenConvention?: TokenConvention;
}

/** A checked definition, for the `providers` option of `guard`. */
export interface OutsideProvider {
  readonly name: string;
  readonly tokenConvention: TokenConvention;
  /** Whether the definition recognises `client`. Never throws. */
  matches(client: unknown): boolean;
  /** Guards the client's methods in place. Twice is harmless. Never throws. */
  instrument(client: object, path: CallPath, runtime: Pick<Runtime, 'log'>): void;
}

const INSIDE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' };

/**
 * Makes an adapter for a client that this package does not know. Guarded methods return what they returned before:
 * the same promise class, the same stream object; `usageMetadata` is taken out of their first object argument; a call
 * over budget is refused before it starts; every other one is metered once: answered, failed, left or never read.
 * Whatever the definition's own functions throw is logged, and never reaches the caller.
 *
 * @throws FusewireError with code `INVALID_PROVIDER`, listing every problem of the definition.
 * @example
 * interface Acme {
 *   ask(request: { model: string; prompt: string }): Promise<{ text: string; tokensIn: number; tokensOut: number }>;
 * }
 * const acme = defineProvider({
 *   name: 'acme',
 *   matches: (candidate) => 'ask' in candidate,
 *   methods: ['ask'],
 *   readRequest: (_method, [request]) => request as Parameters<Acme['ask']>[0],
 *   createUsageReader() {
 *     let usage = {};
 *     return {
 *       whole(answer) {
 *         const { tokensIn, tokensOut } = answer as Awaited<ReturnType<Acme['ask']>>;
 *         usage = { inputTokens: tokensIn, outputTokens: tokensOut };
 *       },
 *       reading: () => usage,
 *     };
 *   },
 * });
 * const protect = (client: Acme) => guard(client, { providers: [acme] });
 */
export function defineProvider(definition: ProviderDefinition): OutsideProvider {
  const problems = definitionProblems(definition);
  if (problems.length > 0) throw new FusewireError('INVALID_PROVIDER', problems);
  return {
    name: definition.name,
    tokenConvention: definition.tokenConvention ?? INSIDE,
    matches(client) {
      try {
        return typeof client === 'object' && client !== null && definition.matches(client) === true;
      } catch {
        return false;
      }
    },
    instrument: (client, path, runtime) => instrumentOutside(definition, client, path, runtime),
  };
}

function instrumentOutside(
  definition: ProviderDefinition,
  client: object,
  path: CallPath,
  { log }: Pick<Runtime, 'log'>,
): void {
  if (isGuarded(client)) return;
  if (!markGuarded(client)) {
    log.error(`a client of ${definition.name} is frozen and cannot be guarded`);
    return;
  }
  let reported = false;
  const report = (error: unknown) => {
    // One line for each client: a function that fails may fail at every chunk.
    if (!reported) {
      log.error(`the adapter of ${definition.name} failed; calls pass, and are metered with what is known`, {
        error: String(error),
      });
    }
    reported = true;
  };
  for (const method of definition.methods) {
    const names = method.split('.');
    const last = names.pop() as string;
    const owner = names.reduce<unknown>((part, name) => (isObject(part) ? Reflect.get(part, name) : undefined), client);
    const original: unknown = isObject(owner) ? Reflect.get(owner, last) : undefined;
    if (!isObject(owner) || typeof original !== 'function') {
      log.error(`this client of ${definition.name} has no method ${method}: calls of it are not guarded`);
      continue;
    }
    const guarded = guardOutsideMethod(definition, method, original as never, path, report);
    Object.defineProperty(guarded, 'name', { value: last, configurable: true });
    if (!Reflect.defineProperty(owner, last, { value: guarded, writable: true, configurable: true })) {
      log.error(`the method ${method} of a client of ${definition.name} is frozen and cannot be guarded`);
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
