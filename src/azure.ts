/** `fusewire/azure`: the guard for `AzureOpenAI` of the package `openai`, and the error that its clients throw. */
export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';

import { defaultFusewire } from './default-instance.js';

/** Whether the default instance can meter and guards a client of Azure OpenAI, or `fusewire/register` patched openai. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('azure');
}
