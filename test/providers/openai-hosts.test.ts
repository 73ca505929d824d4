/** Servers that speak OpenAI's protocol: their names, and what of their answers is read in another way. */
import { describe, expect, it } from 'vitest';
import { catalogueProviderOf } from '../../service/pricing/provider-names.js';
import { openaiAdapter, readOpenAIRequest } from '../../src/providers/openai.js';

const read = (url: string, body: unknown = { model: 'm' }) => readOpenAIRequest({ method: 'POST', url, body });

/** URL, provider, modelSource, unique ids, `include_usage` is added, the catalogue's id. */
const HOSTS: readonly (readonly [string, string, string, boolean, boolean, string | undefined])[] = [
  ['https://api.groq.com/openai/v1/chat/completions', 'GROQ', 'GROQ', true, false, 'groq'],
  ['https://openrouter.ai/api/v1/chat/completions', 'OPENROUTER', 'OPENROUTER', true, false, 'openrouter'],
  ['https://api.mistral.ai/v1/chat/completions', 'MISTRAL', 'MISTRAL', true, false, 'mistral'],
  ['https://codestral.mistral.ai/v1/fim/completions', 'MISTRAL', 'MISTRAL', true, false, 'mistral'],
  ['https://api.deepseek.com/chat/completions', 'DEEPSEEK', 'DEEPSEEK', true, false, 'deepseek'],
  ['https://api.x.ai/v1/chat/completions', 'XAI', 'XAI', true, false, 'x-ai'],
  ['https://us-east-1.api.x.ai/v1/chat/completions', 'XAI', 'XAI', true, false, 'x-ai'],
  ['https://api.perplexity.ai/chat/completions', 'PERPLEXITY', 'PERPLEXITY', true, false, 'perplexity'],
  ['https://api.together.xyz/v1/chat/completions', 'TOGETHER', 'TOGETHER', false, false, 'together'],
  ['https://api.fireworks.ai/inference/v1/chat/completions', 'FIREWORKS', 'FIREWORKS', false, false, 'fireworks'],
  ['https://api.deepinfra.com/v1/openai/chat/completions', 'DEEPINFRA', 'DEEPINFRA', false, false, undefined],
  ['https://api.cerebras.ai/v1/chat/completions', 'CEREBRAS', 'CEREBRAS', false, false, 'cerebras'],
  ['https://api.cohere.ai/compatibility/v1/chat/completions', 'COHERE', 'COHERE', false, false, 'cohere'],
  [
    'https://generativelanguage.googleapis.com/v1beta/openai/chat/completions',
    'Google',
    'GOOGLE',
    false,
    false,
    'google',
  ],
  [
    'https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi/chat/completions',
    'Google',
    'GOOGLE_VERTEX_AI',
    false,
    false,
    'google',
  ],
  ['https://api.anthropic.com/v1/chat/completions', 'ANTHROPIC', 'ANTHROPIC', false, false, 'anthropic'],
  ['https://router.huggingface.co/v1/chat/completions', 'HUGGINGFACE', 'HUGGINGFACE', false, false, undefined],
  [
    'https://router.huggingface.co/groq/openai/v1/chat/completions',
    'HUGGINGFACE_GROQ',
    'HUGGINGFACE',
    false,
    false,
    'huggingface_groq',
  ],
  ['https://api.moonshot.ai/v1/chat/completions', 'MOONSHOT', 'MOONSHOT', false, false, 'moonshotai'],
  ['https://integrate.api.nvidia.com/v1/chat/completions', 'NVIDIA', 'NVIDIA', false, false, undefined],
  [
    'https://dbc-1.cloud.databricks.com/serving-endpoints/chat/completions',
    'DATABRICKS',
    'DATABRICKS',
    false,
    false,
    undefined,
  ],
  [
    'https://adb-1.2.azuredatabricks.net/serving-endpoints/chat/completions',
    'DATABRICKS',
    'DATABRICKS',
    false,
    false,
    undefined,
  ],
  [
    'https://api.cloudflare.com/client/v4/accounts/a/ai/v1/chat/completions',
    'CLOUDFLARE',
    'CLOUDFLARE',
    false,
    false,
    'cloudflare',
  ],
  [
    'https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview',
    'Azure',
    'OPENAI',
    true,
    false,
    'azure',
  ],
  ['https://r.services.ai.azure.com/openai/v1/chat/completions', 'Azure', 'OPENAI', true, true, 'azure'],
];

describe('hosts by name', () => {
  it.each(HOSTS)('%s is %s', (url, provider, modelSource, idsAreUnique, takesIncludeUsage, catalogue) => {
    const reading = read(url);
    expect(reading).toMatchObject({ known: true, provider, modelSource, idsAreUnique, takesIncludeUsage });
    expect(reading.assumedHost).toBeUndefined();
    expect(catalogueProviderOf(provider, modelSource)).toBe(catalogue);
  });

  it.each([
    'http://localhost:8000/v1/chat/completions',
    'http://127.0.0.1:1234/v1/chat/completions',
    'https://api.groq.com.evil.example/v1/chat/completions',
    'https://notapi.groq.com-x.example/v1/chat/completions',
    'https://xapi.groq.com/v1/chat/completions',
    'https://api.cloudflare.com/v1/chat/completions',
  ])('%s is none of them: assumed, ids not trusted, nothing injected', (url) => {
    const expected = { provider: 'OPENAI', idsAreUnique: false, takesIncludeUsage: false };
    expect(read(url)).toMatchObject(expected);
    expect(read(url).assumedHost).toBe(new URL(url).host);
  });

  it('what the owner of a client knows is laid over the address', () => {
    const host = { provider: 'ACME', modelSource: 'ACME', idsAreUnique: true };
    const request = { method: 'POST', url: 'http://gate.example/v1/chat/completions', body: {} };
    expect(readOpenAIRequest(request, { host })).toMatchObject({ ...host, takesIncludeUsage: false });
  });
});

describe('answers of hosts', () => {
  const whole = (url: string, usage: object) => {
    const reader = openaiAdapter.createUsageReader(read(url));
    reader.whole({ id: 'a', model: 'm', choices: [{ index: 0, message: {}, finish_reason: 'stop' }], usage });
    return reader.reading();
  };
  const [groq, openrouter, , , , xai, , perplexity] = HOSTS.map(([url]) => url);
  const google = HOSTS[13]![0];
  const counts = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };

  it('OpenRouter’s cost is the cost; with a key of one’s own the fee and what the provider behind it bills', () => {
    expect(whole(openrouter!, { ...counts, cost: 0.25 }).totalCostUsd).toBe(0.25);
    const own = { is_byok: true, cost_details: { upstream_inference_cost: 0.5 } };
    expect(whole(openrouter!, { ...counts, cost: 0.25, ...own }).totalCostUsd).toBe(0.75);
    expect(whole(openrouter!, { ...counts, cost: 0.25, is_byok: true }).totalCostUsd).toBeUndefined();
    const notOwn = { is_byok: false, cost_details: { upstream_inference_cost: 0.25 } };
    expect(whole(openrouter!, { ...counts, cost: 0.25, ...notOwn }).totalCostUsd).toBe(0.25);
  });

  it.each([-1, '0.1', null, Number.NaN, {}])('I5: a cost such as %j is none', (cost) => {
    expect(whole(openrouter!, { ...counts, cost }).totalCostUsd).toBeUndefined();
    expect(whole(perplexity!, { ...counts, cost: { total_cost: cost } }).totalCostUsd).toBeUndefined();
    expect(whole(xai!, { ...counts, cost_in_usd_ticks: cost }).totalCostUsd).toBeUndefined();
  });

  it('nobody else’s number called cost is taken for dollars', () => {
    expect(whole('https://llm.example/v1/chat/completions', { ...counts, cost: 3 }).totalCostUsd).toBeUndefined();
    expect(whole(groq!, { ...counts, cost: 3 }).totalCostUsd).toBeUndefined();
  });

  it('xAI: ticks, and reasoning on the side on which the sum shows it', () => {
    const details = { completion_tokens_details: { reasoning_tokens: 7 } };
    const outside = whole(xai!, { ...counts, total_tokens: 37, ...details, cost_in_usd_ticks: 1_707_000 });
    expect(outside).toMatchObject({ totalCostUsd: 0.0001707, attributes: { reasoningInside: false } });
    expect(whole(xai!, { ...counts, ...details }).attributes).toEqual({ reasoningInside: true });
  });

  it('Perplexity: reasoning that is in neither count nor sum stays outside; searches are named', () => {
    const reading = whole(perplexity!, { ...counts, reasoning_tokens: 7, num_search_queries: 3 });
    expect(reading).toMatchObject({ reasoningTokens: 7, attributes: { webSearches: 3 } });
    expect(reading.attributes?.['reasoningInside']).toBeUndefined();
    expect(read(perplexity!).tokenConvention?.reasoning).toBe('outside');
  });

  it('Google: thinking that only the sum holds is counted as reasoning', () => {
    expect(whole(google, { ...counts, total_tokens: 130 })).toMatchObject({
      inputTokens: 10,
      outputTokens: 20,
      reasoningTokens: 100,
      attributes: { reasoningInside: false },
    });
    expect(whole(google, counts).reasoningTokens).toBeUndefined();
  });

  it('I5: running totals of a stream that is cut are marked, and their cost is not the cost', () => {
    const reader = openaiAdapter.createUsageReader(read(perplexity!, { model: 'sonar', stream: true }));
    const cost = (total: number) => ({ cost: { total_cost: total } });
    reader.chunk({
      choices: [{ index: 0, delta: { content: 'one' }, finish_reason: null }],
      usage: { ...counts, ...cost(0) },
    });
    expect(reader.reading()).toMatchObject({ isPartial: true, finished: false, totalTokens: 30 });
    expect(reader.reading().totalCostUsd).toBeUndefined();
    reader.chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: { ...counts, ...cost(0.006) } });
    expect(reader.reading()).toMatchObject({ isPartial: false, finished: true, totalCostUsd: 0.006 });
  });

  it('cached prompts are read by the older names of DeepSeek and Moonshot too', () => {
    expect(whole(groq!, { ...counts, prompt_cache_hit_tokens: 4 }).cacheReadTokens).toBe(4);
    expect(whole(groq!, { ...counts, cached_tokens: 5 }).cacheReadTokens).toBe(5);
  });

  it('a tier that stands within the usage is the tier that was served', () => {
    expect(whole(groq!, { ...counts, service_tier: 'flex' }).serviceTier).toBe('flex');
  });
});
