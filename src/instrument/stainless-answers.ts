/** Names the usage event on what an openai client gives back: on the parsed answer and on every chunk of a stream. */
import type { Attempt } from '../metering/attempt.js';
import { nameAdjustment } from './metered-call.js';
import { override } from './stainless-client.js';

/** The non-enumerable property that names the event. */
const TRANSACTION_ID = '_revenium_transaction_id';

/** The client's lazy promise, as far as it is used. Its methods stay its own: types and helpers are untouched (I3). */
interface APIPromiseLike {
  parseResponse: (client: unknown, props: ResponseProps) => Promise<unknown>;
  _thenUnwrap: (transform: (value: unknown, props: ResponseProps) => unknown) => unknown;
}

/** What the client keeps of a request that was answered. Read after parsing: an answer of a retry may be there. */
export interface ResponseProps {
  readonly response?: Response;
  /** The request's options, as the client's hooks got them. */
  readonly options?: unknown;
}

interface StreamLike {
  iterator: () => AsyncIterator<unknown>;
  [Symbol.asyncIterator]: () => AsyncIterator<unknown>;
}

/** Finds the attempt of an answer. */
export type AttemptOf = (props: ResponseProps) => Attempt | undefined;

/** On a promise: its own methods. */
const ORIGINALS = Symbol('fusewire.originals');

interface Originals extends Pick<APIPromiseLike, 'parseResponse' | '_thenUnwrap'> {
  readonly attemptOf: AttemptOf;
}
type NamedPromise = APIPromiseLike & { readonly [ORIGINALS]: Originals };

/** Lays the naming over an APIPromise. `false` where the value is of another make. */
export function nameAnswers(promise: unknown, attemptOf: AttemptOf): boolean {
  if (!isAPIPromise(promise)) return false;
  const { parseResponse, _thenUnwrap } = promise;
  // The same two functions on every promise: closures would be kept by V8 until the next full collection.
  override(promise, ORIGINALS, { parseResponse, _thenUnwrap, attemptOf });
  promise.parseResponse = parseAndName as APIPromiseLike['parseResponse'];
  override(promise, '_thenUnwrap', unwrapAndName);
  return true;
}

async function parseAndName(this: NamedPromise, client: unknown, props: ResponseProps): Promise<unknown> {
  const { parseResponse, attemptOf } = this[ORIGINALS];
  return named(await parseResponse.call(this, client, props), props, attemptOf);
}

/** What `parse()` makes of an answer is another object, and a promise of its own. */
function unwrapAndName(this: NamedPromise, transform: (value: unknown, props: ResponseProps) => unknown): unknown {
  const { _thenUnwrap, attemptOf } = this[ORIGINALS];
  const derived = _thenUnwrap.call(this, (value, props) => named(transform(value, props), props, attemptOf));
  nameAnswers(derived, attemptOf);
  return derived;
}

function named(value: unknown, props: ResponseProps | undefined, attemptOf: AttemptOf): unknown {
  const attempt = props === undefined ? undefined : attemptOf(props);
  return attempt === undefined ? value : nameAnswer(value, attempt);
}

function isAPIPromise(value: unknown): value is APIPromiseLike {
  if (typeof value !== 'object' || value === null) return false;
  return (
    typeof Reflect.get(value, 'parseResponse') === 'function' && typeof Reflect.get(value, '_thenUnwrap') === 'function'
  );
}

function nameAnswer(value: unknown, attempt: Attempt): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Response) return value;
  if ('then' in value) return value;
  if (isStream(value)) nameChunks(value, attempt);
  else nameObject(value, attempt.transactionId);
  nameAdjustment(value, attempt.adjustment);
  return value;
}

function isStream(value: object): value is StreamLike {
  return typeof Reflect.get(value, 'iterator') === 'function' && 'controller' in value;
}

const NAMES_CHUNKS = Symbol('fusewire.namesChunks');

/** Each door of a stream is an iterator of its own: `tee` takes one, `for await` may take another. */
function nameChunks(stream: StreamLike, attempt: Attempt): void {
  const idOf = transactionIdOf(attempt);
  for (const door of ['iterator', Symbol.asyncIterator] as const) {
    if (door === Symbol.asyncIterator && !Object.hasOwn(stream, door)) continue;
    const open = stream[door];
    if (NAMES_CHUNKS in open) continue;
    const watched = () => nameIteration(open.call(stream), idOf, attempt);
    override(watched, NAMES_CHUNKS, true);
    if (door === 'iterator') stream.iterator = watched;
    else override(stream, door, watched);
  }
}

function nameIteration(
  iterator: AsyncIterator<unknown>,
  idOf: () => string,
  { adjustment }: Attempt,
): AsyncIterator<unknown> {
  const { next } = iterator;
  // One descriptor for all chunks of a stream.
  const name = { value: '', writable: true, configurable: true, enumerable: false };
  const came = (result: IteratorResult<unknown>) => {
    const { value } = result;
    if (!result.done && typeof value === 'object' && value !== null) {
      name.value = idOf();
      Reflect.defineProperty(value, TRANSACTION_ID, name);
      if (adjustment !== undefined) nameAdjustment(value, adjustment);
    }
    return result;
  };
  override(iterator, 'next', (...given: [] | [undefined]) => next.apply(iterator, given).then(came));
  return iterator;
}

/** Asked for each chunk; the answer is kept as soon as it can no longer change. */
function transactionIdOf(attempt: Attempt): () => string {
  let known: string | undefined = attempt.gatewayId ?? (attempt.request.idsAreUnique ? undefined : attempt.id);
  return () => {
    if (known !== undefined) return known;
    const id = attempt.transactionId;
    if (id !== attempt.id) known = id;
    return id;
  };
}

function nameObject(value: object, transactionId: string): void {
  // A frozen object goes without.
  override(value, TRANSACTION_ID, transactionId);
}
