/** The usage objects of the AI SDK, turned into the provider's own way of counting (contract 5.10). Pure. */
import type { TokenConvention, UsageReading } from '../providers/adapter.js';
import { openRouterCost, perplexityCost, xaiCost } from '../providers/openai-host-cost.js';
import { countOf } from '../providers/values.js';
import { rawUsageIn, readCacheWrites, readOwnUsage } from './own-usage.js';
import { amountOf, type Fields, fieldsOf, present } from './structure.js';

/** What a usage object says. */
export type AiUsage = Partial<UsageReading>;

/**
 * Reads the usage of a language model. Specification v2 hands on what the provider said, each provider in its own
 * convention; v3 and v4 unify it, with every cache and reasoning token inside, so that what lies outside in
 * `convention` is taken out again. Where the provider's own object is there in words that are known, that one is read.
 * Counts that are all zero are a provider that said nothing, and stay unknown (I5).
 */
export function readAiUsage(usage: unknown, metadata: unknown, convention: TokenConvention): AiUsage {
  const given = fieldsOf(usage);
  const isNested = typeof given['inputTokens'] === 'object' || typeof given['outputTokens'] === 'object';
  const rawUsage = given['raw'] ?? rawUsageIn(metadata);
  const writes = readCacheWrites(rawUsage, metadata);
  const counts: AiUsage = {
    ...writes,
    ...(isNested ? nested(given, convention) : flat(given, convention, writes)),
    ...readOwnUsage(rawUsage, convention),
  };
  const { inputTokens, outputTokens, totalTokens, cacheReadTokens, cacheWriteTokens } = counts;
  const said = [inputTokens, outputTokens, totalTokens, cacheReadTokens, cacheWriteTokens].some((count) => count);
  return { ...(said ? counts : {}), rawUsage: rawUsage ?? usage };
}

function nested(usage: Fields, convention: TokenConvention): AiUsage {
  const input = fieldsOf(usage['inputTokens']);
  const output = fieldsOf(usage['outputTokens']);
  const inputTotal = countOf(input['total']);
  const outputTotal = countOf(output['total']);
  const cacheRead = countOf(input['cacheRead']);
  const cacheWrite = countOf(input['cacheWrite']);
  const reasoning = countOf(output['reasoning']);
  const isReasoningOutside = convention.reasoning === 'outside';
  const isCacheOutside = convention.cacheRead === 'outside';
  return present({
    inputTokens: isCacheOutside ? (countOf(input['noCache']) ?? less(inputTotal, cacheRead, cacheWrite)) : inputTotal,
    outputTokens: isReasoningOutside ? (countOf(output['text']) ?? less(outputTotal, reasoning)) : outputTotal,
    totalTokens: sum(inputTotal, outputTotal),
    reasoningTokens: reasoning,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
  });
}

function flat(usage: Fields, convention: TokenConvention, writes: AiUsage): AiUsage {
  const inputTokens = countOf(usage['inputTokens']);
  const outputTokens = countOf(usage['outputTokens']);
  const totalTokens = countOf(usage['totalTokens']);
  const reasoningTokens = countOf(usage['reasoningTokens']);
  const cacheReadTokens = countOf(usage['cachedInputTokens']);
  const both = sum(inputTokens, outputTokens);
  // Some releases of a provider package put reasoning into the output count already: the total tells.
  const isInside = convention.reasoning === 'outside' && totalTokens !== undefined && totalTokens === both;
  // Some count the cache in the total and some do not.
  const caches = (cacheReadTokens ?? 0) + (writes.cacheWriteTokens ?? 0);
  const all = convention.cacheRead === 'outside' ? sum(both, caches) : totalTokens;
  return present({
    inputTokens,
    outputTokens: isInside ? less(outputTokens, reasoningTokens) : outputTokens,
    totalTokens: all ?? totalTokens,
    reasoningTokens,
    cacheReadTokens,
  });
}

/**
 * What the provider itself says that the call cost, in US dollars: OpenRouter, Vercel's gateway, Perplexity and xAI. It
 * wins over any catalogue.
 */
export function readAiCost(metadata: unknown, rawUsage: unknown): number | undefined {
  const { openrouter, gateway, perplexity } = fieldsOf(metadata);
  const raw = fieldsOf(rawUsage);
  const isRouted = openrouter !== undefined || 'cost_details' in raw;
  const ofGateway = amountOf(fieldsOf(gateway)['cost']);
  if (ofGateway !== undefined) return ofGateway;
  return (
    (isRouted && 'is_byok' in raw ? openRouterCost(raw) : undefined) ??
    routedCost(fieldsOf(fieldsOf(openrouter)['usage'])) ??
    amountOf(fieldsOf(fieldsOf(perplexity)['cost'])['totalCost']) ??
    perplexityCost(raw) ??
    xaiCost(raw)
  );
}

/**
 * OpenRouter's own package does not say whose key paid. With a key of one's own `cost` is the fee alone, a small part of
 * what is paid upstream; otherwise it covers that.
 */
function routedCost(usage: Fields): number | undefined {
  const cost = amountOf(usage['cost']);
  const upstream = amountOf(fieldsOf(usage['costDetails'])['upstreamInferenceCost']);
  return cost !== undefined && upstream !== undefined && upstream > cost ? cost + upstream : cost;
}

function less(total: number | undefined, ...parts: (number | undefined)[]): number | undefined {
  if (total === undefined) return undefined;
  return Math.max(
    0,
    parts.reduce<number>((left, part) => left - (part ?? 0), total),
  );
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
