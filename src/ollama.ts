/** `fusewire/ollama`: the guard for clients of the package `ollama`, and the error that they throw. */
export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isOllamaClient } from './instrument/ollama.js';
