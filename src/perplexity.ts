/** `fusewire/perplexity`: the guard for clients of `@perplexity-ai/perplexity_ai`, and the error that they throw. */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isPerplexityClient } from './instrument/perplexity.js';

/** Whether the default instance can meter and guards a client of Perplexity, or `fusewire/register` patched its package. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('perplexity');
}
