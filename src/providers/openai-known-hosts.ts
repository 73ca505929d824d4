/**
 * Servers that speak OpenAI's protocol and are told by their address. What is not known of one stays conservative: ids
 * that may repeat, no field injected that it might refuse, OpenAI's token convention.
 */
import type { TokenConvention } from './adapter.js';
import type { CostReader } from './openai-host-cost.js';
import { openRouterCost, perplexityCost, xaiCost } from './openai-host-cost.js';

/** What is known of a server. */
export interface KnownHost {
  /** Wire names, contract 6.2 and 6.4. */
  readonly provider: string;
  readonly modelSource: string;
  /** Ids are UUIDs, or a time with twenty random characters: recorded exchanges show it. Default: they may repeat. */
  readonly idsAreUnique?: boolean;
  /**
   * The server takes `stream_options.include_usage` and sends no usage without it. Where usage comes unasked, asking
   * and taking the traces out again would take away what the program sees today (I3).
   */
  readonly takesIncludeUsage?: boolean;
  /** Where it differs from OpenAI's. */
  readonly tokenConvention?: TokenConvention;
  /** `total_tokens` counts thinking that no other count names. */
  readonly hidesThinking?: boolean;
  /** `total_tokens` holds reasoning wherever it is counted; xAI's APIs count it on different sides. */
  readonly sumsReasoning?: boolean;
  /** What the server itself says that an attempt cost. */
  readonly cost?: CostReader;
}

const INSIDE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' };
/** Reasoning is counted beside the completion. */
const REASONING_OUTSIDE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' };

/** By the end of the host's name, a dot before it or nothing. */
const BY_NAME: readonly (readonly [suffix: string, host: KnownHost])[] = [
  // Usage comes unasked, in `x_groq` or `usage` of the last chunk.
  ['api.groq.com', { provider: 'GROQ', modelSource: 'GROQ', idsAreUnique: true }],
  // Usage and cost come unasked, in a last chunk that also carries a choice.
  ['openrouter.ai', { provider: 'OPENROUTER', modelSource: 'OPENROUTER', idsAreUnique: true, cost: openRouterCost }],
  // Usage comes unasked, with the finish reason.
  ['api.mistral.ai', { provider: 'MISTRAL', modelSource: 'MISTRAL', idsAreUnique: true }],
  ['codestral.mistral.ai', { provider: 'MISTRAL', modelSource: 'MISTRAL', idsAreUnique: true }],
  ['api.deepseek.com', { provider: 'DEEPSEEK', modelSource: 'DEEPSEEK', idsAreUnique: true }],
  [
    'api.x.ai',
    {
      provider: 'XAI',
      modelSource: 'XAI',
      idsAreUnique: true,
      tokenConvention: REASONING_OUTSIDE,
      sumsReasoning: true,
      cost: xaiCost,
    },
  ],
  // Every chunk carries running totals, the last one the cost.
  [
    'api.perplexity.ai',
    {
      provider: 'PERPLEXITY',
      modelSource: 'PERPLEXITY',
      idsAreUnique: true,
      tokenConvention: REASONING_OUTSIDE,
      cost: perplexityCost,
    },
  ],
  ['api.together.xyz', { provider: 'TOGETHER', modelSource: 'TOGETHER' }],
  ['api.together.ai', { provider: 'TOGETHER', modelSource: 'TOGETHER' }],
  ['api.fireworks.ai', { provider: 'FIREWORKS', modelSource: 'FIREWORKS' }],
  ['api.deepinfra.com', { provider: 'DEEPINFRA', modelSource: 'DEEPINFRA' }],
  ['api.cerebras.ai', { provider: 'CEREBRAS', modelSource: 'CEREBRAS' }],
  ['api.cohere.ai', { provider: 'COHERE', modelSource: 'COHERE' }],
  ['api.cohere.com', { provider: 'COHERE', modelSource: 'COHERE' }],
  [
    'generativelanguage.googleapis.com',
    { provider: 'Google', modelSource: 'GOOGLE', tokenConvention: REASONING_OUTSIDE, hidesThinking: true },
  ],
  [
    'aiplatform.googleapis.com',
    { provider: 'Google', modelSource: 'GOOGLE_VERTEX_AI', tokenConvention: REASONING_OUTSIDE, hidesThinking: true },
  ],
  // Told in OpenAI's shape here, so with OpenAI's convention and not with that of Anthropic's own API.
  ['api.anthropic.com', { provider: 'ANTHROPIC', modelSource: 'ANTHROPIC', tokenConvention: INSIDE }],
  ['api.moonshot.ai', { provider: 'MOONSHOT', modelSource: 'MOONSHOT' }],
  ['api.moonshot.cn', { provider: 'MOONSHOT', modelSource: 'MOONSHOT' }],
  ['integrate.api.nvidia.com', { provider: 'NVIDIA', modelSource: 'NVIDIA' }],
  ['ai.api.nvidia.com', { provider: 'NVIDIA', modelSource: 'NVIDIA' }],
  ['cloud.databricks.com', { provider: 'DATABRICKS', modelSource: 'DATABRICKS' }],
  ['gcp.databricks.com', { provider: 'DATABRICKS', modelSource: 'DATABRICKS' }],
  ['azuredatabricks.net', { provider: 'DATABRICKS', modelSource: 'DATABRICKS' }],
];

/** Hosts whose address says more than its name, by the beginning of the path. */
const BY_PATH: readonly (readonly [suffix: string, path: RegExp, host: KnownHost])[] = [
  ['api.cloudflare.com', /^\/client\/v4\/accounts\/[^/]+\/ai\//, { provider: 'CLOUDFLARE', modelSource: 'CLOUDFLARE' }],
];

const HUGGING_FACE: KnownHost = { provider: 'HUGGINGFACE', modelSource: 'HUGGINGFACE' };

/**
 * What is known of the server at `address` (no port, lower case), or `undefined`. `path` begins with a slash. Hugging
 * Face's router names the provider behind it in the path, and prices are by that one.
 */
export function knownHost(address: string, path: string): KnownHost | undefined {
  // Vertex puts its region before the name, with a dash.
  const name = address.replace(/^[a-z0-9-]+-(?=aiplatform\.googleapis\.com$)/, '');
  if (isOrEndsWith(name, 'router.huggingface.co')) {
    const behind = /^\/([a-z][a-z0-9-]{0,30})\/(?!chat|completions|embeddings|responses)/.exec(path)?.[1];
    return behind === undefined || behind === 'v1'
      ? HUGGING_FACE
      : { ...HUGGING_FACE, provider: `HUGGINGFACE_${behind.toUpperCase()}` };
  }
  for (const [suffix, host] of BY_NAME) if (isOrEndsWith(name, suffix)) return host;
  return BY_PATH.find(([suffix, pattern]) => isOrEndsWith(name, suffix) && pattern.test(path))?.[2];
}

function isOrEndsWith(name: string, suffix: string): boolean {
  return name.endsWith(suffix) && (name.length === suffix.length || name[name.length - suffix.length - 1] === '.');
}
