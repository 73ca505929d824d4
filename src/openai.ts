/** `fusewire/openai`: the guard for clients of the package `openai`, and the error that they throw. */
export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isOpenAIClient } from './instrument/openai.js';

import { defaultFusewire } from './default-instance.js';

/** Whether the default instance can meter and guards a client of openai, or `fusewire/register` patched its package. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('openai');
}
