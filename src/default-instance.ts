/** The instance behind the functions of `src/index.ts` and behind `fusewire/register`. */
import { createFusewire, type Fusewire } from './instance.js';

/**
 * One for the process, shared by the ESM and the CommonJS copy of this package: a client that one copy guarded and the
 * other registered must meet the same cache and the same outbox. It is configured by the environment alone.
 */
const DEFAULT = Symbol.for('fusewire.default');
type Shared = { [DEFAULT]?: Fusewire };

/** The default instance; made at the first use. */
export function defaultFusewire(): Fusewire {
  const shared = globalThis as Shared;
  shared[DEFAULT] ??= createFusewire();
  return shared[DEFAULT];
}

/** Forgets the default instance, after it was closed: the next use makes a new one. */
export function forgetDefaultFusewire(): void {
  delete (globalThis as Shared)[DEFAULT];
}
