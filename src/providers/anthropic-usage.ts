/** Anthropic's usage object, of a whole message and of the two events of a stream that carry one. */
import { countOf, recordOf, textOf } from './values.js';

/** Counts as the provider gave them; what it did not give is `undefined`, never 0 (I5). */
export interface AnthropicUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** Thinking, a part of the output. */
  readonly reasoningTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly cacheWrite5mTokens?: number;
  readonly cacheWrite1hTokens?: number;
  /** Server tools that are billed by the request. */
  readonly webSearches?: number;
  readonly webFetches?: number;
  readonly codeExecutions?: number;
  readonly serviceTier?: string;
  readonly speed?: string;
  /** Where inference ran, if the request asked for a place: it has a price of its own. */
  readonly inferenceGeo?: string;
  /** Tokens of another model are among the counts: their price is not that of the model that answered. */
  readonly isMixed?: boolean;
}

/** The usage of Anthropic's own objects laid over what came before: the last word on each field counts. */
export function overlay(before: object | undefined, usage: unknown): Record<string, unknown> | undefined {
  const record = recordOf(usage);
  if (record === undefined) return before as Record<string, unknown> | undefined;
  // `message_delta` says null of what it does not count again.
  const given = Object.entries(record).filter(([, value]) => value !== null && value !== undefined);
  return { ...before, ...Object.fromEntries(given) };
}

/** Reads a usage object. Never throws. */
export function readAnthropicUsage(usage: Record<string, unknown>): AnthropicUsage {
  const tools = recordOf(usage['server_tool_use']);
  const written = recordOf(usage['cache_creation']);
  const cacheWrite5mTokens = countOf(written?.['ephemeral_5m_input_tokens']);
  const cacheWrite1hTokens = countOf(written?.['ephemeral_1h_input_tokens']);
  const geo = textOf(usage['inference_geo']);
  const read: AnthropicUsage = {
    inputTokens: countOf(usage['input_tokens']),
    outputTokens: countOf(usage['output_tokens']),
    reasoningTokens: countOf(recordOf(usage['output_tokens_details'])?.['thinking_tokens']),
    cacheReadTokens: countOf(usage['cache_read_input_tokens']),
    cacheWriteTokens: countOf(usage['cache_creation_input_tokens']) ?? sumOf(cacheWrite5mTokens, cacheWrite1hTokens),
    cacheWrite5mTokens,
    cacheWrite1hTokens,
    webSearches: countOf(tools?.['web_search_requests']),
    webFetches: countOf(tools?.['web_fetch_requests']),
    codeExecutions: countOf(tools?.['code_execution_requests']),
    serviceTier: textOf(usage['service_tier']),
    speed: textOf(usage['speed']),
    inferenceGeo: geo === 'global' || geo === 'not_available' ? undefined : geo,
  };
  return withIterations(read, usage['iterations']);
}

/** All tokens: caches lie outside the input. `undefined` where input or output is not known. */
export function totalOf(usage: AnthropicUsage): number | undefined {
  const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage;
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens;
}

const SUMMED = [
  ['inputTokens', 'input_tokens'],
  ['outputTokens', 'output_tokens'],
  ['cacheReadTokens', 'cache_read_input_tokens'],
  ['cacheWriteTokens', 'cache_creation_input_tokens'],
] as const;

/**
 * What the server did beside the answer is billed too and not in the counts of the answer (the comments of Anthropic's
 * own client say so): a compaction by the same model, and an advisor that is another model.
 */
function withIterations(usage: AnthropicUsage, iterations: unknown): AnthropicUsage {
  if (!Array.isArray(iterations)) return usage;
  const counts: Record<string, unknown> = { ...usage };
  for (const entry of iterations) {
    const iteration = recordOf(entry);
    const type = iteration?.['type'];
    if (iteration === undefined || (type !== 'compaction' && type !== 'advisor_message')) continue;
    for (const [name, field] of SUMMED) {
      const more = countOf(iteration[field]);
      if (more !== undefined) counts[name] = ((counts[name] as number | undefined) ?? 0) + more;
    }
    if (type === 'advisor_message') counts['isMixed'] = true;
  }
  return counts;
}

function sumOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}
