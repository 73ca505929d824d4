/**
 * `fusewire/anthropic`: the guard for clients of `@anthropic-ai/sdk`, `@anthropic-ai/bedrock-sdk` and
 * `@anthropic-ai/vertex-sdk`, and the error that they throw.
 */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isAnthropicClient } from './instrument/anthropic.js';

/** Whether the default instance can meter and guards a client of Anthropic, or `fusewire/register` patched a package of its. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('anthropic');
}
