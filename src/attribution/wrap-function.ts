/** Functions that run inside of a scope of usage metadata. */
import { runInScope, type Scope } from '../metadata/scope.js';
import { isGenerator, wrapGenerator } from './wrap-generator.js';

/** Any function. */
export type AnyFunction = (...args: never[]) => unknown;

/** What stands for a call of `fn`: it gets `this`, the arguments, and a function that makes the call. */
export type Call = (self: unknown, args: readonly unknown[], call: () => unknown) => unknown;

/**
 * `fn`, each call of which goes through `around`. Name, length, kind, own properties and `prototype` are those of `fn`;
 * `this` and arguments arrive untouched, so that private members work; `new` makes what it made before.
 */
export function wrapFunction<F extends AnyFunction>(fn: F, around: Call): F {
  return new Proxy(fn, {
    apply: (target, self: unknown, args: readonly unknown[]) =>
      around(self, args, () => Reflect.apply(target, self, args as never[])),
  });
}

/**
 * `fn` in a scope: its synchronous part, all that it awaits, and, where it returns a generator, the body of that, each
 * time it is resumed. `scopeOf` is asked once for each call, and what it gives holds to the end of that call.
 */
export function wrapInScope<F extends AnyFunction>(
  fn: F,
  scopeOf: (self: unknown, args: readonly unknown[]) => Scope,
): F {
  return wrapFunction(fn, (self, args, call) => {
    const scope = scopeOf(self, args);
    const result = runInScope(scope, call);
    return isGenerator(result) ? wrapGenerator(result, (step) => runInScope(scope, step)) : result;
  });
}
