/** `fusewire/openai`: the guard for clients of the package `openai`, and the error that they throw. */
export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isOpenAIClient } from './instrument/openai.js';
