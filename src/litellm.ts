/** `fusewire/litellm`. */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';

/** Whether the default instance can meter and guards clients that are pointed at a LiteLLM proxy. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('litellm');
}
