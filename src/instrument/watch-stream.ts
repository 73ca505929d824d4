/** Watches what a caller reads of a stream of parsed chunks, and leaves the stream object what it is. */
import type { MeteredCall } from './metered-call.js';

/**
 * Replaces the source of `stream` by one that tells `call` of every chunk, the end, an error and a `break`. The object
 * keeps its class and its own methods.
 *
 * @param endsWithoutMark whether a stream that simply ends is complete; where the protocol has a last chunk that says
 * so, one that ends without it was cut.
 */
export function watchStream(stream: AsyncIterable<unknown>, call: MeteredCall, endsWithoutMark: boolean): void {
  call.expose(stream);
  const inner: unknown = Reflect.get(stream, 'itr');
  // ollama's own class passes every chunk through this public field; its generator and `abort` stay the client's.
  if (isAsyncIterator(inner)) {
    Reflect.set(
      stream,
      'itr',
      watchIterator(inner, call, endsWithoutMark, () => giveUp(stream)),
    );
    return;
  }
  const iterate = stream[Symbol.asyncIterator];
  Reflect.defineProperty(stream, Symbol.asyncIterator, {
    value(this: AsyncIterable<unknown>) {
      const iterator = iterate.call(stream);
      // A generator is its own iterator; its `next` must go on working on the object itself.
      return watchIterator(iterator, call, endsWithoutMark);
    },
    configurable: true,
    writable: true,
  });
  if (isAsyncIterator(stream)) watchOwnMethods(stream, call, endsWithoutMark);
}

/** Leaving an iteration does not end the request of ollama's client; its own `abort` does. */
function giveUp(stream: object): void {
  const abort: unknown = Reflect.get(stream, 'abort');
  if (typeof abort === 'function') abort.call(stream);
}

/** A stream that is read by `next()` directly, as a generator object can be. */
function watchOwnMethods(stream: AsyncIterator<unknown>, call: MeteredCall, endsWithoutMark: boolean): void {
  const watched = watchIterator(bound(stream), call, endsWithoutMark);
  for (const name of ['next', 'return', 'throw'] as const) {
    const value = watched[name];
    if (value !== undefined) Reflect.defineProperty(stream, name, { value, configurable: true, writable: true });
  }
  Reflect.defineProperty(stream, Symbol.asyncIterator, { value: () => stream, configurable: true, writable: true });
}

function bound(iterator: AsyncIterator<unknown>): AsyncIterator<unknown> {
  return {
    next: iterator.next.bind(iterator),
    ...(iterator.return === undefined ? {} : { return: iterator.return.bind(iterator) }),
    ...(iterator.throw === undefined ? {} : { throw: iterator.throw.bind(iterator) }),
  };
}

/**
 * An iterator over `inner` that reports to `call`. What `inner` gives or throws passes unchanged. Where the call's hold is used
 * up, the last chunk is ours, and `stop` gives up what would still come.
 */
export function watchIterator(
  inner: AsyncIterator<unknown>,
  call: MeteredCall,
  endsWithoutMark: boolean,
  stop: () => unknown = () => inner.return?.(),
): AsyncIterableIterator<unknown> {
  let isCut = false;
  const cut = (): IteratorResult<unknown> => {
    isCut = true;
    const value = call.cut();
    try {
      Promise.resolve(stop()).catch(() => undefined);
    } catch {
      // The client ends it in its own way, or its server does.
    }
    return { done: false, value };
  };
  const seen = (result: IteratorResult<unknown>): IteratorResult<unknown> => {
    if (result.done === true) call.ended(endsWithoutMark);
    else call.chunk(result.value);
    return result;
  };
  const broke = (error: unknown): never => {
    call.failed(error);
    throw error;
  };
  const next = (...args: [] | [unknown]): Promise<IteratorResult<unknown>> => {
    const { cover } = call;
    if (isCut) return Promise.resolve({ done: true, value: undefined });
    if (cover?.isSpent === true) return Promise.resolve(cut());
    const waiting = cover?.waiting;
    if (waiting !== undefined) return waiting.then(() => next(...args));
    return inner.next(...(args as [])).then(seen, broke);
  };
  return {
    next,
    return(value?: unknown) {
      call.left();
      return inner.return?.(value) ?? Promise.resolve({ done: true, value });
    },
    throw(error?: unknown) {
      call.left();
      return inner.throw?.(error) ?? Promise.reject(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function isAsyncIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function';
}
