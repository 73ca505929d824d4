/** The options of `configure`. */
import type { FusewireOptions } from './config.js';
import { FusewireError } from './errors.js';
import { createFusewire, type Fusewire } from './instance.js';

/** Options of an instance, and the Python SDK's name for one of them. */
export interface ConfigureOptions extends FusewireOptions {
  /** The same as `meteringBaseUrl`. */
  readonly meteringUrl?: string;
}

/** Makes the instance that the options describe. @throws FusewireError with code `INVALID_OPTIONS` */
export function createConfigured(options: ConfigureOptions): Fusewire {
  if (typeof options !== 'object' || options === null) {
    throw new FusewireError('INVALID_OPTIONS', ['the options must be an object']);
  }
  const { meteringUrl, ...rest } = options;
  if (meteringUrl === undefined) return createFusewire(rest);
  if (rest.meteringBaseUrl !== undefined) {
    throw new FusewireError('INVALID_OPTIONS', ['meteringUrl is meteringBaseUrl; only one of them can be given']);
  }
  return createFusewire({ ...rest, meteringBaseUrl: meteringUrl });
}
