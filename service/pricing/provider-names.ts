/** From the provider names of the wire (contract section 6.2 and 6.4) to the catalogue's provider ids. */

const BY_NAME: ReadonlyMap<string, string> = new Map([
  ['openai', 'openai'],
  ['azure', 'azure'],
  ['azure_openai', 'azure'],
  ['foundry', 'azure'],
  ['anthropic', 'anthropic'],
  ['aws', 'aws'],
  ['bedrock', 'aws'],
  ['amazon bedrock', 'aws'],
  ['aws bedrock', 'aws'],
  ['google', 'google'],
  ['google_ai', 'google'],
  ['google_vertex_ai', 'google'],
  ['google vertex ai', 'google'],
  ['vertex_ai', 'google'],
  ['perplexity', 'perplexity'],
  ['xai', 'x-ai'],
  ['x-ai', 'x-ai'],
  ['groq', 'groq'],
  ['mistral', 'mistral'],
  ['cohere', 'cohere'],
  ['together', 'together'],
  ['together ai', 'together'],
  ['fireworks', 'fireworks'],
  ['fireworks ai', 'fireworks'],
  ['deepseek', 'deepseek'],
  ['openrouter', 'openrouter'],
  ['cerebras', 'cerebras'],
  ['moonshot', 'moonshotai'],
  ['moonshotai', 'moonshotai'],
  ['cloudflare', 'cloudflare'],
]);

/** Hugging Face's router with the provider behind it: the catalogue has a list of prices for each of these. */
const HUGGING_FACE =
  /^huggingface_(cerebras|fireworks-ai|groq|hyperbolic|nebius|novita|nscale|ovhcloud|publicai|sambanova|together)$/;

/**
 * The catalogue's id of a wire provider, or `undefined` where the catalogue has none: a name that we do not know is
 * not guessed from the model, since a server of one's own may call its model `gpt-4o`.
 */
export function catalogueProviderOf(provider: string, modelSource: string | undefined): string | undefined {
  const name = provider.trim().toLowerCase();
  // LiteLLM names the upstream in modelSource (contract 6.4); its own name says nothing about the price.
  if (name === 'litellm' || name === '') return modelSource === undefined ? undefined : BY_NAME.get(lower(modelSource));
  return BY_NAME.get(name) ?? HUGGING_FACE.exec(name)?.[0];
}

function lower(text: string): string {
  return text.trim().toLowerCase();
}
