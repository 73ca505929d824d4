/** Compiled, never run: calls of a guarded Perplexity client take usage metadata, and give what they gave. */
import type Perplexity from '@perplexity-ai/perplexity_ai';
import type { Guarded } from '../../src/guarded.js';

declare const client: Guarded<Perplexity>;
const usageMetadata = { agent: 'a', subscriber: { id: 'u' } };
const messages = [{ role: 'user' as const, content: 'hi' }];

export async function calls(): Promise<unknown> {
  const found = await client.search.create({ query: 'a', usageMetadata });
  const vectors = await client.contextualizedEmbeddings.create({
    model: 'pplx-embed-context-v1-4b',
    input: [['a']],
    usageMetadata,
  });
  const made = await client.async.chat.completions.create({ request: { model: 'sonar', messages }, usageMetadata });
  const answered = await client.responses.create({ input: 'a', usageMetadata });
  const text: string = answered.output_text;
  const urls: string[] = found.results.map(({ url }) => url);
  return [urls, vectors.data, made.id, text];
}
