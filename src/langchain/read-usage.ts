/** Token counts of a LangChain result (contract 5.10 and 6.2). Pure. */
import type { UsageReading } from '../providers/adapter.js';
import { countOf } from '../providers/values.js';
import { type Fields, fieldsOf } from './structure.js';

/** Counts in the provider's own convention, as far as LangChain kept them. */
export type LangChainUsage = Pick<
  UsageReading,
  | 'inputTokens'
  | 'outputTokens'
  | 'totalTokens'
  | 'reasoningTokens'
  | 'cacheReadTokens'
  | 'cacheWriteTokens'
  | 'cacheWrite5mTokens'
  | 'cacheWrite1hTokens'
  | 'attributes'
  | 'rawUsage'
>;

/**
 * LangChain's `usage_metadata`: `input_tokens` is meant to be the sum of all kinds of input and `output_tokens` that of
 * all kinds of output. Integrations differ, so the sums decide where they can: cache tokens that do not fit into the
 * input are outside of it, reasoning without which the total does not add up is outside of the output. `raw` is the
 * provider's own usage object, where the integration kept it.
 */
export function readUsageMetadata(value: unknown, raw: unknown, isAnthropic: boolean): LangChainUsage | undefined {
  const usage = fieldsOf(value);
  const inputTokens = countOf(usage['input_tokens']);
  const outputTokens = countOf(usage['output_tokens']);
  const totalTokens = countOf(usage['total_tokens']);
  if (inputTokens === undefined && outputTokens === undefined && totalTokens === undefined) return undefined;
  const input = fieldsOf(usage['input_token_details']);
  const output = fieldsOf(usage['output_token_details']);
  const counts = {
    ...given('inputTokens', inputTokens),
    ...given('outputTokens', outputTokens),
    ...given('totalTokens', totalTokens),
    ...given('cacheReadTokens', countOf(input['cache_read'])),
    ...given('cacheWriteTokens', writtenOf(input)),
    ...given('cacheWrite5mTokens', countOf(input['ephemeral_5m_input_tokens'])),
    ...given('cacheWrite1hTokens', countOf(input['ephemeral_1h_input_tokens'])),
    ...given('reasoningTokens', countOf(output['reasoning'])),
    rawUsage: value,
  };
  return conventional(counts, countOf(fieldsOf(raw)['input_tokens']), isAnthropic);
}

/** Usage as providers send it, or as LangChain named it before `usage_metadata`: `{promptTokens, completionTokens}`. */
export function readPlainUsage(value: unknown, isAnthropic: boolean): LangChainUsage | undefined {
  const usage = fieldsOf(value);
  const inputTokens = first(usage, 'prompt_tokens', 'promptTokens', 'input_tokens', 'inputTokens', 'prompt_eval_count');
  const outputTokens = first(
    usage,
    ...['completion_tokens', 'completionTokens', 'output_tokens', 'outputTokens', 'eval_count'],
  );
  const totalTokens = first(usage, 'total_tokens', 'totalTokens');
  if (inputTokens === undefined && outputTokens === undefined && totalTokens === undefined) return undefined;
  const input = fieldsOf(usage['prompt_tokens_details'] ?? usage['input_tokens_details']);
  const output = fieldsOf(usage['completion_tokens_details'] ?? usage['output_tokens_details']);
  const read = first(usage, 'cache_read_input_tokens', 'cacheReadInputTokens') ?? countOf(input['cached_tokens']);
  const counts = {
    ...given('inputTokens', inputTokens),
    ...given('outputTokens', outputTokens),
    ...given('totalTokens', totalTokens),
    ...given('cacheReadTokens', read),
    ...given('cacheWriteTokens', first(usage, 'cache_creation_input_tokens', 'cacheWriteInputTokens')),
    ...given('reasoningTokens', countOf(output['reasoning_tokens'])),
    rawUsage: value,
  };
  return conventional(counts, isAnthropic ? inputTokens : undefined, isAnthropic);
}

/**
 * Says on which side the counts lie, and takes cache tokens out of Anthropic's input, which excludes them on the wire
 * (contract 5.10). `net`: the input count that the provider itself gave beside cache tokens.
 */
function conventional(counts: LangChainUsage, net: number | undefined, isAnthropic: boolean): LangChainUsage {
  const { inputTokens = 0, outputTokens = 0, totalTokens, reasoningTokens = 0 } = counts;
  const cached = (counts.cacheReadTokens ?? 0) + (counts.cacheWriteTokens ?? 0);
  const isOutside = cached > inputTokens || (isAnthropic && net !== undefined && net === inputTokens);
  const isReasoningOutside =
    reasoningTokens > outputTokens ||
    (reasoningTokens > 0 && totalTokens !== undefined && totalTokens >= inputTokens + outputTokens + reasoningTokens);
  const attributes = {
    ...(cached > 0 ? { cacheInside: !isOutside && !isAnthropic } : {}),
    ...(reasoningTokens > 0 ? { reasoningInside: !isReasoningOutside } : {}),
  };
  const isTakenOut = isAnthropic && cached > 0 && !isOutside;
  const netInput = inputTokens - cached;
  return {
    ...counts,
    ...(isTakenOut ? { inputTokens: netInput, totalTokens: netInput + outputTokens } : {}),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
  };
}

/** Whether counts are there and all of them are 0: an integration that was told none adds up to that. */
export function saysNothing({ inputTokens, outputTokens, totalTokens }: LangChainUsage): boolean {
  return (inputTokens ?? 0) === 0 && (outputTokens ?? 0) === 0 && (totalTokens ?? 0) === 0;
}

/** `cache_creation`, or the sum of its two kinds. */
function writtenOf(input: Fields): number | undefined {
  const short = countOf(input['ephemeral_5m_input_tokens']);
  const long = countOf(input['ephemeral_1h_input_tokens']);
  const sum = short === undefined && long === undefined ? undefined : (short ?? 0) + (long ?? 0);
  return countOf(input['cache_creation']) ?? sum;
}

function first(fields: Fields, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const count = countOf(fields[name]);
    if (count !== undefined) return count;
  }
  return undefined;
}

function given<K extends string>(name: K, value: number | undefined): { [P in K]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: number };
}
