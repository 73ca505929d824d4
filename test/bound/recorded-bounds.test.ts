/** What adapters take for the most that a call consumes, against what providers counted. RECORDINGS_DIR tells where. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ProviderAdapter } from '../../src/providers/adapter.js';
import { anthropicAdapter } from '../../src/providers/anthropic.js';
import { bedrockConverseAdapter } from '../../src/providers/bedrock-converse.js';
import { googleAdapter } from '../../src/providers/google.js';
import { ollamaAdapter } from '../../src/providers/ollama.js';
import { openaiAdapter } from '../../src/providers/openai.js';
import { perplexityAdapter } from '../../src/providers/perplexity.js';

const directory = process.env['RECORDINGS_DIR'];
const ASSUMED = 4_096;
const PROVIDERS = [
  ...['ANTHROPIC', 'AWS', 'Azure', 'DEEPSEEK', 'GROQ', 'Google', 'MISTRAL', 'OLLAMA', 'OPENAI', 'OPENROUTER'],
  ...['PERPLEXITY', 'XAI'],
];

interface Recording {
  readonly id: string;
  readonly provider: string;
  readonly request: { readonly method: string; readonly url: string; readonly body?: unknown };
  readonly expected: Readonly<Record<string, number | null>>;
}

const ADAPTERS: readonly (readonly [RegExp, ProviderAdapter])[] = [
  [/\/converse(-stream)?$/, bedrockConverseAdapter],
  [/\/api\/(chat|generate|embed|embeddings)$/, ollamaAdapter],
  [/\/v1\/messages(\?|$)|\/model\/[^/]+\/invoke|:(streamR|r)awPredict/, anthropicAdapter],
  [/generativelanguage|aiplatform|:(g|streamG)enerateContent|:embedContent|:batchEmbed|:predict/, googleAdapter],
  [/perplexity/, perplexityAdapter],
  [/./, openaiAdapter],
];

function bounded({ request, expected }: Recording) {
  const adapter = ADAPTERS.find(([path]) => path.test(request.url))?.[1];
  const input = expected['input_tokens'] ?? null;
  if (adapter === undefined || input === null || typeof request.body !== 'object' || request.body === null)
    return undefined;
  const reading = adapter.readRequest({ method: 'POST', url: request.url, body: request.body });
  const bound = reading?.bound?.(ASSUMED);
  if (reading === undefined || bound === undefined) return undefined;
  const cached = (expected['cache_read_tokens'] ?? 0) + (expected['cache_write_tokens'] ?? 0);
  const convention = reading.tokenConvention ?? adapter.tokenConvention;
  const isOutside = convention.cacheRead === 'outside';
  const reasoning = convention.reasoning === 'outside' ? (expected['reasoning_tokens'] ?? 0) : 0;
  return {
    bound,
    name: `${reading.provider} ${reading.endpoint}`,
    context: isOutside ? input + cached : input,
    made: (expected['output_tokens'] ?? 0) + reasoning,
  };
}

describe.skipIf(directory === undefined)('the bound of recorded calls in the SDK (RECORDINGS_DIR)', () => {
  const names = directory === undefined ? [] : readdirSync(directory).filter((name) => name.endsWith('.json'));
  const recordings = names.map((name) => JSON.parse(readFileSync(join(directory!, name), 'utf8')) as Recording);

  it('covers the input that was counted, of every provider', () => {
    const wrong: string[] = [];
    const seen = new Set<string>();
    for (const recording of recordings) {
      const found = bounded(recording);
      if (found === undefined || found.bound.unbounded !== undefined) continue;
      seen.add(found.name);
      if (found.context > found.bound.inputTokensMax) {
        wrong.push(`${recording.id}: ${found.context} tokens, bound ${found.bound.inputTokensMax}`);
      }
    }
    expect(wrong).toEqual([]);
    const providers = new Set([...seen].map((name) => name.split(' ')[0]));
    expect([...providers].sort()).toEqual(PROVIDERS);
    expect(seen.size).toBeGreaterThan(20);
  });

  it('covers the output that was counted, wherever the request limits it', () => {
    const wrong: string[] = [];
    let seen = 0;
    for (const recording of recordings) {
      const found = bounded(recording);
      if (found === undefined || !found.bound.isOutputLimited || found.bound.unbounded !== undefined) continue;
      seen += 1;
      if (found.made > found.bound.outputTokensMax) {
        wrong.push(`${recording.id}: ${found.made} tokens, bound ${found.bound.outputTokensMax}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(20);
  });
});
