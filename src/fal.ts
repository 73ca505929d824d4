/** `fusewire/fal`: the guard for clients of the package `@fal-ai/client`, and the error that they throw. */
export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isFalClient } from './instrument/fal-client.js';

import { defaultFusewire } from './default-instance.js';

/** Whether the default instance can meter and guards a client of fal.ai, or `fusewire/register` patched its package. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('fal');
}
