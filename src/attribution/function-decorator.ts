/** One thing that is a function wrapper, a standard decorator of methods, and a legacy one. */
import { FusewireError } from '../errors.js';
import type { AnyFunction } from './wrap-function.js';

/** What a standard decorator (TC39, stage 3 of 2023-11) is told of the method that it stands on. */
export interface MethodContext {
  readonly kind: 'method';
  readonly name: string | symbol;
}

/**
 * Wraps a function, or decorates a method: public, private or static, synchronous, `async` or a generator. Under
 * TypeScript's `experimentalDecorators` it is a decorator of methods too.
 */
export interface FunctionDecorator {
  /**
   * @returns a function of the same type, name, length and `this`.
   * @throws FusewireError with code `INVALID_OPTIONS` for a class, a getter, a setter, an accessor or a field.
   */
  <F extends AnyFunction>(fn: F, context?: MethodContext): F;
  /** As TypeScript's `experimentalDecorators` calls it. */
  <F extends AnyFunction>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<F>): void;
}

/** Makes a {@link FunctionDecorator} of a wrapper. `name` is for the texts of errors. */
export function createDecorator(name: string, wrap: <F extends AnyFunction>(fn: F) => F): FunctionDecorator {
  const decorate = (value: unknown, second?: unknown, descriptor?: unknown): unknown => {
    if (typeof second === 'string' || typeof second === 'symbol') {
      decorateLegacy(name, wrap, second, descriptor);
      return undefined;
    }
    const kind: unknown = typeof second === 'object' && second !== null ? Reflect.get(second, 'kind') : undefined;
    if (kind !== undefined && kind !== 'method')
      throw misuse(name, `${kind === 'accessor' ? 'an' : 'a'} ${String(kind)}`);
    if (typeof value !== 'function') throw misuse(name, value === null ? 'null' : `a value of type ${typeof value}`);
    if (isClass(value)) throw misuse(name, 'a class');
    return wrap(value as AnyFunction);
  };
  return decorate as FunctionDecorator;
}

function decorateLegacy(
  name: string,
  wrap: (fn: AnyFunction) => AnyFunction,
  member: string | symbol,
  descriptor: unknown,
): void {
  const value: unknown =
    typeof descriptor === 'object' && descriptor !== null ? Reflect.get(descriptor, 'value') : undefined;
  if (typeof value !== 'function') throw misuse(name, `${String(member)}, a getter, a setter or a field`);
  (descriptor as PropertyDescriptor).value = wrap(value as AnyFunction);
}

function misuse(name: string, given: string): FusewireError {
  return new FusewireError('INVALID_OPTIONS', [`${name} is for functions and methods, and was put on ${given}`]);
}

/** A class cannot be called, and what it constructs would not be in the scope. */
function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
