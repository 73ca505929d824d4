import type { FusewireOptions } from '../config.js';
import { createFusewireOn, type Fusewire } from '../instance.js';
import type { Runtime } from '../runtime.js';

/**
 * An instance on a replaced outside world: pass a {@link createFakeClock | fake clock}, or any part of a `Runtime`
 * (time, randomness, ids, timers, environment, log). What is not given is real.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every wrong option.
 * @example
 * const clock = createFakeClock();
 * const service = await startFakeService();
 * const fusewire = createTestFusewire(clock, { ...service.options, circuitBreakerEnabled: true });
 */
export function createTestFusewire(runtime: Partial<Runtime>, options: FusewireOptions = {}): Fusewire {
  return createFusewireOn(runtime, options);
}
