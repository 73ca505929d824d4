/** `fusewire/google`: the guard for clients of `@google/genai`, Gemini and Vertex AI, and the error that they throw. */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export { isGoogleClient } from './instrument/google-client.js';

/**
 * Whether the default instance can meter and guards a client of `@google/genai`, or `fusewire/register` patched its
 * package.
 */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('google');
}
