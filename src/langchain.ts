/** `fusewire/langchain`. */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';

/** Whether the default instance can meter and guards a LangChain handler. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('langchain');
}
