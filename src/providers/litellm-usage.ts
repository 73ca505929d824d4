/** The usage object of a LiteLLM proxy: OpenAI's names, with Anthropic's cache fields beside them. Pure. */
import { isAnthropicUpstream, type LitellmModel } from './litellm-model.js';
import { readOpenAIUsage } from './openai-usage.js';
import { countOf, recordOf } from './values.js';

/** Counts in the convention of the upstream, and that convention. What was not given is `undefined`, never 0 (I5). */
export interface LitellmUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly totalTokens: number | undefined;
  readonly reasoningTokens: number | undefined;
  readonly cacheReadTokens: number | undefined;
  readonly cacheWriteTokens: number | undefined;
  readonly cacheWrite5mTokens: number | undefined;
  readonly cacheWrite1hTokens: number | undefined;
  /** `cost`, which newer proxies put into the last chunk of a stream; never 0: that is what they say of no price. */
  readonly costUsd: number | undefined;
  /** Whether cache tokens are part of the input count. */
  readonly cacheInside: boolean;
}

/**
 * Reads a usage object, or `undefined` where it holds no count. LiteLLM adds cache tokens into `prompt_tokens`; for
 * Anthropic's models they are taken out again, as everywhere else for them (contract 5.10). Never throws.
 */
export function readLitellmUsage(
  value: unknown,
  upstream: Pick<LitellmModel, 'modelSource' | 'model'>,
): LitellmUsage | undefined {
  const usage = recordOf(value);
  const read = readOpenAIUsage(usage);
  if (usage === undefined || read === undefined) return undefined;
  const details = recordOf(usage['prompt_tokens_details'] ?? usage['input_tokens_details']);
  const buckets = recordOf(usage['cache_creation'] ?? details?.['cache_creation_token_details']);
  const cacheReadTokens = countOf(usage['cache_read_input_tokens']) ?? read.cacheReadTokens;
  const cacheWriteTokens =
    countOf(usage['cache_creation_input_tokens']) ??
    countOf(details?.['cache_creation_tokens']) ??
    read.cacheWriteTokens;
  const isAnthropic = isAnthropicUpstream(upstream);
  // Anthropic's own shape, through the proxy's /v1/messages, is net already.
  const isNet = isAnthropic && usage['prompt_tokens'] === undefined && details === undefined;
  const netted = isAnthropic && !isNet ? (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0) : 0;
  const inputTokens = read.inputTokens === undefined ? undefined : Math.max(0, read.inputTokens - netted);
  return {
    inputTokens,
    outputTokens: read.outputTokens,
    totalTokens: isAnthropic ? sumOf(inputTokens, read.outputTokens) : read.totalTokens,
    reasoningTokens: read.reasoningTokens,
    cacheReadTokens,
    cacheWriteTokens,
    cacheWrite5mTokens: countOf(buckets?.['ephemeral_5m_input_tokens']),
    cacheWrite1hTokens: countOf(buckets?.['ephemeral_1h_input_tokens']),
    costUsd: positiveAmount(usage['cost']),
    cacheInside: !isAnthropic,
  };
}

/** A number above 0, also as text. LiteLLM writes 0 and `None` where it knows no price: neither is a price (I5). */
export function positiveAmount(value: unknown): number | undefined {
  const amount = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof amount === 'number' && Number.isFinite(amount) && amount > 0 ? amount : undefined;
}

function sumOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
