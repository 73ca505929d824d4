/** What a program says to this layer: once for a model, and with each call. */
import { defaultFusewire } from '../default-instance.js';
import { FusewireError } from '../errors.js';
import type { Parts } from '../fusewire.js';
import type { Fusewire } from '../instance.js';
import { normaliseMetadata } from '../metadata/normalise.js';
import { currentScope } from '../metadata/scope.js';
import { partsOf } from '../parts-of.js';
import type { UsageMetadata } from '../usage-metadata.js';
import { type Fields, fieldsOf, readSafely } from './structure.js';

/** Options of the AI SDK's middleware and of the guarded models. */
export interface AiSdkOptions {
  /** Usage metadata of every call of this model. Scopes and the call's own metadata beat it. */
  readonly usageMetadata?: UsageMetadata;
  /**
   * The instance that decides and meters.
   *
   * @defaultValue the default instance, which the environment configures.
   */
  readonly instance?: Fusewire;
}

/** The layer of one model: its instance, and its metadata. */
export interface Layer {
  /** The parts of the instance as it is now: the default one may have been closed and made anew. */
  parts(): Parts;
  /** The metadata of one call: its own over the layer's, where no scope around names the same field. */
  metadataOf(own: unknown): unknown;
}

/** The name under which a call's metadata travels in `providerOptions`. */
const NAME = 'fusewire';

/**
 * Checks the options, and says that this instance guards the AI SDK.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 */
export function createLayer(options: AiSdkOptions = {}): Layer {
  const problems: string[] = [];
  if (typeof options !== 'object' || options === null) {
    throw new FusewireError('INVALID_OPTIONS', ['the options must be an object']);
  }
  const { instance, usageMetadata, ...unknown } = options;
  for (const name of Object.keys(unknown)) problems.push(`${name} is not an option`);
  if (usageMetadata !== undefined && (typeof usageMetadata !== 'object' || usageMetadata === null)) {
    problems.push('usageMetadata must be an object');
  }
  if (instance !== undefined && readSafely(() => partsOf(instance), undefined) === undefined) {
    problems.push('instance must be what createFusewire() made');
  }
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
  const parts = () => {
    const now = partsOf(instance ?? defaultFusewire());
    now.providers.add('ai-sdk');
    return now;
  };
  parts();
  const { fields } = normaliseMetadata(usageMetadata);
  return { parts, metadataOf: (own) => merged(fields, own) };
}

function merged(layer: object, own: unknown): unknown {
  if (Object.keys(layer).length === 0) return own;
  // What is nearer to the call names it: then the layer's field is left out, under whatever spelling the call has it.
  const nearer = { ...currentScope()?.fields, ...normaliseMetadata(own).fields };
  const left = Object.fromEntries(Object.entries(layer).filter(([name]) => !Object.hasOwn(nearer, name)));
  return { ...left, ...fieldsOf(own) };
}

/** The metadata that a call carries in `providerOptions.fusewire`. Never throws. */
export function ownMetadataOf(params: Fields): unknown {
  return readSafely(() => fieldsOf(params['providerOptions'])[NAME], undefined);
}

/** A copy of the call's options without its metadata, which no provider is to see; the very options where it has none. */
export function withoutOwnMetadata<P extends object>(params: P): P {
  const { providerOptions } = params as { providerOptions?: unknown };
  if (!readSafely(() => NAME in fieldsOf(providerOptions), false)) return params;
  const { [NAME]: _, ...rest } = fieldsOf(providerOptions);
  return { ...params, providerOptions: rest };
}
