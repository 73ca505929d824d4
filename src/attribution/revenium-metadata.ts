/** `reveniumMetadata` and `reveniumMeter`: usage metadata and selection for functions and methods (contract 9.1). */
import { FusewireError } from '../errors.js';
import { type NormalisedMetadata, normaliseMetadata } from '../metadata/normalise.js';
import { currentScope, fixedScope, scopeInside } from '../metadata/scope.js';
import type { UsageMetadata } from '../usage-metadata.js';
import { createDecorator, type FunctionDecorator } from './function-decorator.js';
import { type AnyFunction, wrapInScope } from './wrap-function.js';

/** Usage metadata worked out for each call, from its arguments and its `this`. */
export type MetadataFunction = (...args: never[]) => UsageMetadata | undefined;

/**
 * Gives usage metadata to every guarded call that a function or method makes, directly or after any `await`, and in the
 * body of a generator each time it is resumed; the code of the generator's consumer runs outside. An inner scope beats an
 * outer one field by field (`subscriber` as a whole), a call's own `usageMetadata` beats both, and all of them beat the
 * instance and the environment.
 *
 * Metadata that is an object is read once, here. A function is asked at each call, with its arguments and its `this`; one
 * that throws costs the metadata, not the call, and the log says so once.
 *
 * @throws FusewireError with code `INVALID_OPTIONS` where `metadata` is neither.
 * @example
 * const classify = reveniumMetadata({ agent: 'triage', taskType: 'classify' })((input: string) =>
 *   client.responses.create({ model: 'gpt-4o-mini', input }),
 * );
 */
export function reveniumMetadata(metadata: UsageMetadata | MetadataFunction): FunctionDecorator {
  const name = 'reveniumMetadata()';
  if (typeof metadata === 'function') return scopedBy(name, metadata as AnyFunction);
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new FusewireError('INVALID_OPTIONS', [`${name} takes an object, or a function that returns one`]);
  }
  return scopedTo(name, metadata);
}

/** A decorator with the same metadata at each call. */
export function scopedTo(name: string, metadata: UsageMetadata): FunctionDecorator {
  const fixed = normaliseMetadata(metadata);
  return createDecorator(name, (fn) => wrapInScope(fn, fixedScope(fixed)));
}

/** A decorator whose metadata `metadataOf` works out at each call; what it throws costs the metadata only. */
export function scopedBy(name: string, metadataOf: AnyFunction): FunctionDecorator {
  const read = (self: unknown, args: readonly unknown[], of: string): NormalisedMetadata => {
    try {
      return normaliseMetadata(Reflect.apply(metadataOf, self, args as never[]));
    } catch {
      return { fields: {}, deprecations: [], dropped: [`${name} of ${of} (its function threw)`] };
    }
  };
  return createDecorator(name, (fn) =>
    wrapInScope(fn, (self, args) => scopeInside(currentScope(), read(self, args, fn.name || 'a function'))),
  );
}

/**
 * Selects calls for metering: with `REVENIUM_SELECTIVE_METERING` (or the option `selectiveMetering`) only guarded calls
 * inside of a function or method that this wraps are metered; without it, all are, and this changes nothing. A call
 * that is not metered is decided on like any other, and refused where a budget is used up. Whether it stands outside or
 * inside of {@link reveniumMetadata} makes no difference.
 *
 * @example
 * const premium = reveniumMeter()(() => client.responses.create(request));
 */
export function reveniumMeter(): FunctionDecorator {
  const selected = { fields: {}, deprecations: [], dropped: [], selected: true };
  return createDecorator('reveniumMeter()', (fn) => wrapInScope(fn, fixedScope(selected)));
}
