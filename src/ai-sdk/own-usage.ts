/** Usage in a provider's own words, which specification v3 and v4 carry as `raw` and v2 now and then in the metadata. Pure. */
import type { TokenConvention, UsageReading } from '../providers/adapter.js';
import { readAnthropicUsage, totalOf } from '../providers/anthropic-usage.js';
import { readOpenAIUsage } from '../providers/openai-usage.js';
import { countOf } from '../providers/values.js';
import { type Fields, fieldsOf, present } from './structure.js';

/**
 * Reads a usage object of Anthropic's API, or one in the words of OpenAI's older API, in which every provider that has
 * them counts in its own convention. Nothing of any other: there the SDK's own counts are read.
 */
export function readOwnUsage(raw: unknown, convention: TokenConvention): Partial<UsageReading> {
  const usage = fieldsOf(raw);
  if (convention.cacheRead === 'outside') return countOf(usage['input_tokens']) === undefined ? {} : anthropic(usage);
  const isOpenAI = 'prompt_tokens' in usage && 'completion_tokens' in usage;
  return isOpenAI ? present({ ...readOpenAIUsage(usage) }) : {};
}

function anthropic(raw: Fields): Partial<UsageReading> {
  const read = readAnthropicUsage(raw);
  const { webSearches, webFetches, codeExecutions, inferenceGeo, isMixed, ...counts } = read;
  return present({
    ...counts,
    totalTokens: totalOf(read),
    isPartial: isMixed === true ? true : undefined,
    attributes: present({ webSearches, webFetches, codeExecutions, inferenceGeo }),
  });
}

/** Cache writes that the SDK's own counts do not tell: Bedrock's by time to live, Anthropic's under v2. */
export function readCacheWrites(raw: unknown, metadata: unknown): Partial<UsageReading> {
  const { cacheCreationInputTokens } = fieldsOf(fieldsOf(metadata)['anthropic']);
  const usage = fieldsOf(raw);
  return present({
    cacheWriteTokens: countOf(cacheCreationInputTokens) ?? countOf(usage['cacheWriteInputTokens']),
    cacheWrite5mTokens: ofAge(usage, '5m'),
    cacheWrite1hTokens: ofAge(usage, '1h'),
  });
}

function ofAge({ cacheDetails }: Fields, timeToLive: string): number | undefined {
  if (!Array.isArray(cacheDetails)) return undefined;
  const entry = cacheDetails.map(fieldsOf).find(({ ttl }) => ttl === timeToLive);
  return countOf(entry?.['inputTokens']);
}

/** Specification v2 has no field for it; some packages keep the provider's usage in the metadata. */
export function rawUsageIn(metadata: unknown): unknown {
  for (const part of Object.values(fieldsOf(metadata))) {
    const { usage } = fieldsOf(part);
    if (typeof usage === 'object' && usage !== null) return usage;
  }
  return undefined;
}
