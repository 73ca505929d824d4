/** The usage objects of OpenAI's APIs: chat, completions, embeddings, responses, images, transcriptions. */
import { countOf, recordOf } from './values.js';

/** Counts as the provider gave them; what it did not give is `undefined`, never 0 (I5). */
export interface OpenAIUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly totalTokens: number | undefined;
  readonly cacheReadTokens: number | undefined;
  readonly cacheWriteTokens: number | undefined;
  readonly reasoningTokens: number | undefined;
  /** Parts of the input and of the output that have prices of their own. */
  readonly inputAudioTokens: number | undefined;
  readonly outputAudioTokens: number | undefined;
  readonly inputImageTokens: number | undefined;
}

/** Reads a usage object of either naming, or `undefined` where it holds no count. Never throws. */
export function readOpenAIUsage(value: unknown): OpenAIUsage | undefined {
  const usage = recordOf(value);
  if (usage === undefined) return undefined;
  const input = recordOf(
    usage['prompt_tokens_details'] ?? usage['input_tokens_details'] ?? usage['input_token_details'],
  );
  const output = recordOf(usage['completion_tokens_details'] ?? usage['output_tokens_details']);
  const read: OpenAIUsage = {
    inputTokens: countOf(usage['prompt_tokens'] ?? usage['input_tokens']),
    outputTokens: countOf(usage['completion_tokens'] ?? usage['output_tokens']),
    totalTokens: countOf(usage['total_tokens']),
    // DeepSeek's and Moonshot's older names stand at the top.
    cacheReadTokens: countOf(input?.['cached_tokens'] ?? usage['prompt_cache_hit_tokens'] ?? usage['cached_tokens']),
    cacheWriteTokens: countOf(input?.['cache_write_tokens']),
    reasoningTokens: countOf(output?.['reasoning_tokens'] ?? usage['reasoning_tokens']),
    inputAudioTokens: countOf(input?.['audio_tokens']),
    outputAudioTokens: countOf(output?.['audio_tokens']),
    inputImageTokens: countOf(input?.['image_tokens']),
  };
  const { inputTokens, outputTokens, totalTokens } = read;
  return inputTokens === undefined && outputTokens === undefined && totalTokens === undefined ? undefined : read;
}
