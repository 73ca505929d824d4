/** `fusewire/langchain`: a callback handler for `@langchain/core` 1.2 and later. */
import { BudgetExceededError } from '../enforcement/budget-exceeded-error.js';
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';
export type { ReveniumConfig, SubscriberConfig } from './langchain/config.js';
export { guardEmbeddings, type LangChainEmbeddings } from './langchain/guard-embeddings.js';
export { createLangChainHandler, ReveniumCallbackHandler } from './langchain/handler.js';

/**
 * For `withRetry`: LangChain tries a refused call again like any other that failed, each time without a request and
 * after a pause. With this it stops at the refusal.
 *
 * @throws the error that it is given, where that is a refusal.
 * @example
 * import { ChatOpenAI } from '@langchain/openai';
 * import { stopAtRefusal } from 'fusewire/langchain';
 *
 * const model = new ChatOpenAI({ model: 'gpt-4o-mini' });
 * const patient = model.withRetry({ stopAfterAttempt: 3, onFailedAttempt: stopAtRefusal });
 */
export function stopAtRefusal(error: unknown): void {
  if (BudgetExceededError.is(error)) throw error;
}

/** Whether the default instance has a key to meter with, and a LangChain handler or embeddings were made with it. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('langchain');
}
