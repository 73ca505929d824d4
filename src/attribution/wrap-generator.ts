/** Generators whose body runs inside of something each time it is resumed. */

/** Around one step of a generator: calls `step` once and gives back what it returns or throws. */
export type Around = <T>(step: () => T) => T;

type Step = (...args: unknown[]) => unknown;

/** Whether a value is a generator of the language, or one that {@link wrapGenerator} made. Other iterators are none. */
export function isGenerator(value: unknown): value is Generator | AsyncGenerator {
  if (typeof value !== 'object' || value === null) return false;
  const tag = Object.prototype.toString.call(value);
  return tag === '[object Generator]' || tag === '[object AsyncGenerator]';
}

/**
 * A generator that steps `generator`, each step by `around`. It has the same prototype, so that `for`, `for await`,
 * `yield*`, `instanceof` and the iterator helpers work as before; the code of the consumer runs outside.
 */
export function wrapGenerator<G extends Generator | AsyncGenerator>(generator: G, around: Around): G {
  const wrapped = Object.create(Object.getPrototypeOf(generator)) as G;
  for (const name of ['next', 'return', 'throw'] as const) {
    const step = generator[name] as Step;
    // The number of arguments matters: `next()` and `next(undefined)` are told apart by some iterators.
    const value: Step = (...args) => around(() => Reflect.apply(step, generator, args));
    Object.defineProperty(wrapped, name, { value, configurable: true, writable: true });
  }
  return wrapped;
}
