/** `fusewire/ollama`: the guard for clients of the package `ollama`, and the error that they throw. */
export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isOllamaClient } from './instrument/ollama.js';

import { defaultFusewire } from './default-instance.js';

/** Whether the default instance can meter and guards a client of ollama, or `fusewire/register` patched its package. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('ollama');
}
