/** The usage objects of Perplexity's APIs: chat, agent (responses), embeddings; the cost is the provider's own. Pure. */
import { countOf, recordOf, textOf } from './values.js';

/** Counts as Perplexity gave them; what it did not give is `undefined`, never 0 (I5). */
export interface PerplexityUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly totalTokens: number | undefined;
  /** Beside the output count, with a price of its own (sonar-deep-research). */
  readonly reasoningTokens: number | undefined;
  readonly cacheReadTokens: number | undefined;
  readonly cacheWriteTokens: number | undefined;
  /**
   * `cost.total_cost`: tokens, citations, searches and the request's fee. Chunks of a stream say 0 here until the last
   * one: it counts only once the answer is finished.
   */
  readonly totalCostUsd: number | undefined;
  /** What is billed beside tokens: `citationTokens`, `numSearchQueries`, `searchContextSize`, `toolInvocations` … */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Reads a usage object, or `undefined` where it holds neither a count nor a cost. Never throws. */
export function readPerplexityUsage(value: unknown): PerplexityUsage | undefined {
  const usage = recordOf(value);
  if (usage === undefined) return undefined;
  const details = recordOf(usage['input_tokens_details']);
  const cost = recordOf(usage['cost']);
  const read: PerplexityUsage = {
    inputTokens: countOf(usage['prompt_tokens'] ?? usage['input_tokens']),
    outputTokens: countOf(usage['completion_tokens'] ?? usage['output_tokens']),
    totalTokens: countOf(usage['total_tokens']),
    reasoningTokens: countOf(usage['reasoning_tokens']),
    cacheReadTokens: countOf(details?.['cache_read_input_tokens']),
    cacheWriteTokens: countOf(details?.['cache_creation_input_tokens']),
    totalCostUsd: costOf(cost),
    attributes: attributesOf(usage, cost),
  };
  const { inputTokens, outputTokens, totalTokens, totalCostUsd } = read;
  const known = [inputTokens, outputTokens, totalTokens, totalCostUsd];
  return known.every((one) => one === undefined) ? undefined : read;
}

/** The total, where it is in dollars. */
function costOf(cost: Record<string, unknown> | undefined): number | undefined {
  const currency = cost?.['currency'];
  if (typeof currency === 'string' && currency.toUpperCase() !== 'USD') return undefined;
  // Nothing there is given away: 0 is what running totals begin with, and no price (I5).
  return amountOf(cost?.['total_cost']) || undefined;
}

function attributesOf(
  usage: Record<string, unknown>,
  cost: Record<string, unknown> | undefined,
): Record<string, unknown> {
  const given: readonly (readonly [string, unknown])[] = [
    ['citationTokens', countOf(usage['citation_tokens'])],
    ['numSearchQueries', countOf(usage['num_search_queries'])],
    ['searchContextSize', textOf(usage['search_context_size'])?.slice(0, 32)],
    ['requestCostUsd', amountOf(cost?.['request_cost'])],
    ['toolCostUsd', amountOf(cost?.['tool_calls_cost'])],
    ['toolInvocations', invocationsOf(usage['tool_calls_details'])],
  ];
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Tools that are listed; a list is as long as the API has tools. */
const TOOLS_MAX = 32;

/** How often each tool of the agent ran. */
function invocationsOf(value: unknown): Record<string, number> | undefined {
  const details = Object.entries(recordOf(value) ?? {}).slice(0, TOOLS_MAX);
  const counts = details.flatMap(([name, one]) => {
    const count = countOf(recordOf(one)?.['invocation']);
    return count === undefined ? [] : [[name, count] as const];
  });
  return counts.length === 0 ? undefined : Object.fromEntries(counts);
}

function amountOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
