/**
 * Patches packages whose clients are no instances of a class: a function makes them, and one is there at once, which
 * makes another client of itself each time it is configured.
 */
import type { PatchableFactory } from './client-instrument.js';
import type { Adopt } from './register-patch.js';

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** On what is patched: what was patched with it. Shared by every copy of this package. */
const PATCHED = Symbol.for('fusewire.patchedFactory');

/**
 * Patches the function in `defining`, the exports of the file that defines it and that all others read it from, and in
 * `exports` as far as those can be changed. Clients that it makes are adopted when they are made; the one that is there is
 * adopted at its first use. Returns whether there was something to patch.
 */
export function patchFactory(exports: unknown, factory: PatchableFactory, defining: unknown, adopt: Adopt): boolean {
  if (!isObject(exports)) return false;
  const made: unknown = Reflect.get(isObject(defining) ? defining : exports, factory.exportName);
  const state = { configuring: 0 };
  const singleton: unknown = Reflect.get(exports, factory.singleton);
  const isSingleton = isObject(singleton) && !Object.hasOwn(singleton, PATCHED);
  if (isSingleton) patchSingleton(singleton, factory, state, adopt);
  if (typeof made !== 'function') return isObject(singleton);
  const patched = Object.hasOwn(made, PATCHED) ? made : patchedFactory(made as AnyFunction, state, adopt);
  for (const place of [defining, exports]) if (isObject(place)) tryToSet(place, factory.exportName, patched);
  return true;
}

function patchedFactory(original: AnyFunction, state: { readonly configuring: number }, adopt: Adopt): AnyFunction {
  const patched: AnyFunction = function (...args) {
    const client = Reflect.apply(original, this, args);
    // What the singleton makes of itself is guarded as the singleton.
    if (state.configuring === 0 && isObject(client)) adopt(client);
    return client;
  };
  Object.defineProperties(patched, {
    name: { value: original.name, configurable: true },
    length: { value: original.length, configurable: true },
    [PATCHED]: { value: true },
  });
  return patched;
}

function patchSingleton(
  singleton: object,
  factory: PatchableFactory,
  state: { configuring: number },
  adopt: Adopt,
): void {
  Object.defineProperty(singleton, PATCHED, { value: true });
  for (const name of factory.methods) patchMethod(singleton, name, adopt);
  for (const name of factory.parts) patchPart(singleton, name, adopt);
  const configure: unknown = Reflect.get(singleton, factory.configure);
  if (typeof configure !== 'function') return;
  replace(singleton, factory.configure, function (this: unknown, ...args: unknown[]) {
    state.configuring += 1;
    try {
      return Reflect.apply(configure, this, args);
    } finally {
      state.configuring -= 1;
    }
  });
}

function patchMethod(singleton: object, name: string, adopt: Adopt): void {
  const original: unknown = Reflect.get(singleton, name);
  if (typeof original !== 'function') return;
  const patched: AnyFunction = function (...args) {
    // Once it is adopted this one is what its guarded method calls.
    const own: unknown = adopt(singleton) ? Reflect.get(singleton, name) : original;
    return Reflect.apply(typeof own === 'function' && own !== patched ? own : original, this, args);
  };
  replace(singleton, name, patched);
}

/** A part is read through a getter: the first look adopts. */
function patchPart(singleton: object, name: string, adopt: Adopt): void {
  const descriptor = Object.getOwnPropertyDescriptor(singleton, name);
  const get = descriptor?.get;
  if (descriptor?.configurable !== true || get === undefined) return;
  Object.defineProperty(singleton, name, {
    ...descriptor,
    get() {
      adopt(singleton);
      return Reflect.apply(get, this, []);
    },
  });
}

function replace(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

function tryToSet(place: object, name: string, value: unknown): void {
  try {
    Reflect.set(place, name, value);
  } catch {
    // A namespace that cannot be changed; those that read the name through it later see the defining file's.
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
