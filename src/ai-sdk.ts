/**
 * `fusewire/ai-sdk`: middleware and guarded models for Vercel's AI SDK, `ai` 5, 6 and 7. Nothing of `ai` is imported.
 */
import { defaultFusewire } from './default-instance.js';

export {
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export {
  guardEmbeddingModel,
  guardImageModel,
  guardRerankingModel,
  guardSpeechModel,
  guardTranscriptionModel,
} from './ai-sdk/guard-model.js';
export {
  type EmbeddingModelMiddleware,
  fusewireEmbeddingMiddleware,
  fusewireImageMiddleware,
  fusewireMiddleware,
  type ImageModelMiddleware,
  type LanguageModelMiddleware,
} from './ai-sdk/middleware.js';
export type { AiSdkOptions } from './ai-sdk/options.js';
export type { AiModel } from './ai-sdk/structure.js';
export { guard } from './default-functions.js';
export type { Guarded } from './guarded.js';

/** Whether the default instance can meter and guards the AI SDK's middleware. */
export function isInitialized(): boolean {
  return defaultFusewire().isInitialized('ai-sdk');
}
