/**
 * `fusewire/litellm`: the guard for clients of any package that are pointed at a LiteLLM proxy, the wrappers that name
 * who a call is for, and the table of the providers behind the proxy's models (contract 6.4).
 */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export {
  trackAgent,
  trackOrganization,
  trackProduct,
  trackQuality,
  trackSubscriber,
  trackSubscription,
  trackTask,
  trackTrace,
} from './attribution/track.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { type LitellmModel, litellmModel } from './providers/litellm-model.js';

/** Whether the default instance can meter and guards clients that are pointed at a LiteLLM proxy. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('litellm');
}
