/**
 * One call of a client's method, over all requests that it makes: automatic function calling and continuation are
 * several. It travels inside the call's own `httpOptions`, the one object that the client hands on, or copies with all
 * its keys, from the method to the transport; a symbol is neither read nor sent by it.
 */
import type { Admission } from '../call.js';
import type { Attempt } from '../metering/attempt.js';
import { reasonOf } from './answer-watch.js';
import { endOf, nameAdjustment, TRANSACTION_ID_PROPERTY } from './metered-call.js';

const CALL = Symbol('fusewire.googleCall');

/** What a method and its requests know of each other. */
export class GoogleCall {
  /** The `usageMetadata` that was passed with the call. */
  readonly metadata: unknown;
  /** The caller gave no `config`: the client writes an empty `generationConfig` for ours, which is to be taken out again. */
  hasOwnConfig = false;
  /** The decision on the first request, where it was taken before the client began. */
  ahead: Admission | undefined;
  #attempt: Attempt | undefined;
  /** One for all chunks of a stream. */
  readonly #naming = { value: '', enumerable: false, configurable: true, writable: true };

  constructor(metadata: unknown) {
    this.metadata = metadata;
  }

  /** A request of this call leaves. */
  began(attempt: Attempt): void {
    this.#attempt = attempt;
  }

  /** Names the event of the request that gave this answer or chunk; a frozen one goes without. */
  name(answer: unknown): void {
    if (typeof answer !== 'object' || answer === null || this.#attempt === undefined) return;
    const { request, id, adjustment } = this.#attempt;
    nameAdjustment(answer, adjustment);
    this.#naming.value = request.idsAreUnique ? this.#attempt.transactionId : id;
    Reflect.defineProperty(answer, TRANSACTION_ID_PROPERTY, this.#naming);
  }

  /** The caller left a stream: the client stops reading, and tells nobody. */
  left(): void {
    this.#attempt?.settle('cancelled');
  }

  /** The client gave up on an answer that it was reading. */
  failed(error: unknown): void {
    if (this.#attempt?.settled === false) this.#attempt.settle(endOf(error), { reason: reasonOf(error) });
  }
}

/** The call that these HTTP options travel with. */
export function callOf(httpOptions: unknown): GoogleCall | undefined {
  if (typeof httpOptions !== 'object' || httpOptions === null) return undefined;
  const call: unknown = Reflect.get(httpOptions, CALL);
  return call instanceof GoogleCall ? call : undefined;
}

/** The call that a method's `config` travels with. */
export function callOfConfig(config: unknown): GoogleCall | undefined {
  return typeof config === 'object' && config !== null ? callOf(Reflect.get(config, 'httpOptions')) : undefined;
}

/** A copy of a method's `config` that travels with `call`. The caller's object stays as it is. */
export function withCall(config: unknown, call: GoogleCall): object {
  const given = typeof config === 'object' && config !== null ? config : {};
  call.hasOwnConfig = given !== config;
  const copy = Object.assign(Object.create(Object.getPrototypeOf(given)), given) as Record<string, unknown>;
  copy['httpOptions'] = { ...(Reflect.get(given, 'httpOptions') as object | undefined), [CALL]: call };
  return copy;
}

/**
 * Watches a stream of answers that the client's methods give: names each, and ends the attempt where the client does not
 * end its request: it drops the connection's answer on `break` and after an error, without a word to anybody. The object
 * stays what it is.
 */
export function watchAnswers(stream: AsyncIterator<unknown>, call: GoogleCall): void {
  const { next, return: stop, throw: raise } = stream;
  const came = (result: IteratorResult<unknown>) => {
    if (!result.done) call.name(result.value);
    return result;
  };
  const broke = (error: unknown): never => {
    call.failed(error);
    throw error;
  };
  define(stream, 'next', (...given: [] | [unknown]) => next.apply(stream, given as []).then(came, broke));
  if (stop !== undefined) {
    define(stream, 'return', (value?: unknown) => {
      call.left();
      return stop.call(stream, value);
    });
  }
  if (raise !== undefined) {
    define(stream, 'throw', (error?: unknown) => {
      call.left();
      return raise.call(stream, error);
    });
  }
}

function define(target: object, name: string, value: unknown): void {
  Reflect.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
}
