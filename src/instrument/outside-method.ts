/** One guarded method of a client from outside: decided before, metered after, its return value untouched. */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { outsideBound } from '../bound/outside-bound.js';
import type { Admission, CallPath } from '../call.js';
import type { RequestReading, UsageReader } from '../providers/adapter.js';
import type { OutsideRequest, ProviderDefinition } from './define-provider.js';
import { MeteredCall } from './metered-call.js';
import { harmlessReader } from './outside-reader.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';
import { watchStream } from './watch-stream.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;
/** Is told what the definition's own functions threw. */
export type Report = (error: unknown) => void;

/** Wraps `original`. Nothing of ours but a refusal reaches its caller (I2). */
export function guardOutsideMethod(
  definition: ProviderDefinition,
  method: string,
  original: Method,
  path: CallPath,
  report: Report,
): Method {
  const refusesByThrowing = definition.throwing?.includes(method) === true;
  return function (this: unknown, ...given) {
    const { args, metadata } = splitArguments(given);
    let call: OutsideCall | undefined;
    try {
      call = admit(definition, method, args, metadata, path, report);
      // A method that answers at once cannot wait for a hold.
      const waiting = call?.secure(!refusesByThrowing);
      if (waiting !== undefined) return waiting.then(() => run(original, this, args, call));
    } catch (error) {
      if (!(error instanceof BudgetExceededError)) {
        report(error);
        return original.apply(this, args);
      }
      if (refusesByThrowing) throw error;
      return Promise.reject(error);
    }
    return run(original, this, args, call);
  };
}

function run(original: Method, self: unknown, args: unknown[], call: OutsideCall | undefined): unknown {
  if (call === undefined) return original.apply(self, args);
  call.sent();
  let result: unknown;
  try {
    result = original.apply(self, args);
  } catch (error) {
    call.failed(error);
    throw error;
  }
  return isThenable(result) ? watchPromise(result, call) : call.take(result);
}

function splitArguments(given: unknown[]): { args: unknown[]; metadata: unknown } {
  const index = given.findIndex((argument) => typeof argument === 'object' && argument !== null);
  const request = given[index];
  if (typeof request !== 'object' || request === null) return { args: given, metadata: undefined };
  const { carried, metadata } = carriedMetadata(request);
  return { args: carried ? given.with(index, withoutMetadata(request)) : given, metadata };
}

function admit(
  definition: ProviderDefinition,
  method: string,
  args: readonly unknown[],
  metadata: unknown,
  path: CallPath,
  report: Report,
): OutsideCall | undefined {
  const request = definition.readRequest(method, args);
  if (request === undefined || request === null) return undefined;
  const streamed = { yes: request.streaming === true };
  const reading = readingOf(definition, method, request, streamed);
  const createReader = () => harmlessReader(() => definition.createUsageReader(reading), report);
  return new OutsideCall(path, path.admit(reading, metadata), metadata, createReader, streamed, report);
}

function readingOf(
  definition: ProviderDefinition,
  method: string,
  request: OutsideRequest,
  streamed: { readonly yes: boolean },
): RequestReading {
  const { prompt, prompts, bound, streaming: _, ...told } = request;
  const provider = told.provider ?? definition.name.toUpperCase();
  const reading: RequestReading = {
    operationType: 'CHAT',
    modelSource: provider,
    idsAreUnique: false,
    ...(definition.tokenConvention === undefined ? {} : { tokenConvention: definition.tokenConvention }),
    ...told,
    endpoint: method,
    known: true,
    provider,
    get streaming() {
      return streamed.yes;
    },
    promptText() {
      try {
        return String((typeof prompt === 'function' ? prompt() : prompt) ?? '');
      } catch {
        return '';
      }
    },
    ...(typeof prompts === 'function' ? { prompts: () => harmless(() => prompts.call(request)) ?? {} } : {}),
    kind: 'call',
    bound(assumed) {
      const own = typeof bound === 'function' ? harmless(() => bound.call(request, assumed)) : undefined;
      return own ?? outsideBound(reading, assumed);
    },
  };
  return reading;
}

function harmless<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}

class OutsideCall extends MeteredCall {
  readonly #streamed: { yes: boolean };
  readonly #report: Report;
  #taken = false;

  constructor(
    path: CallPath,
    admission: Admission,
    metadata: unknown,
    createReader: () => UsageReader,
    streamed: { yes: boolean },
    report: Report,
  ) {
    super(path, admission, metadata, createReader);
    this.#streamed = streamed;
    this.#report = report;
  }

  /** The answer is there. It is returned as it is: a stream has its iterator replaced, in place. */
  take(result: unknown): unknown {
    if (this.#taken) return result;
    this.#taken = true;
    try {
      this.answered();
      if (isStream(result)) {
        this.#streamed.yes = true;
        watchStream(result, this, true);
      } else this.whole(result);
    } catch (error) {
      this.#report(error);
    }
    return result;
  }
}

/**
 * Watches a promise and returns one of the same kind. A plain promise is followed by another, so that a rejection that
 * nobody handles is still reported. One of a class of its own stays the very object, lazy as it was: only its `then`
 * is watched.
 */
function watchPromise(promise: PromiseLike<unknown>, call: OutsideCall): PromiseLike<unknown> {
  const taken = (value: unknown) => call.take(value);
  const failed = (error: unknown): never => {
    call.failed(error);
    throw error;
  };
  if (Object.getPrototypeOf(promise) === Promise.prototype) return promise.then(taken, failed);
  const { then } = promise;
  Reflect.defineProperty(promise, 'then', {
    value(onFulfilled?: never, onRejected?: never) {
      const watched = new Promise((resolve, reject) => void then.call(promise, resolve, reject)).then(taken, failed);
      return watched.then(onFulfilled, onRejected);
    },
    configurable: true,
    writable: true,
  });
  return promise;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function';
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
