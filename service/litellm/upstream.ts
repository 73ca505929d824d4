/** Which provider answered a call of a LiteLLM proxy, by its own names and table 6.4. Pure. */
import { type LitellmModel, litellmModel } from 'fusewire/internal';

/** LiteLLM's names for other ways into a provider of the table. */
const SAME: ReadonlyMap<string, string> = new Map([
  ['azure_text', 'azure'],
  ['bedrock_converse', 'bedrock'],
  ['cohere_chat', 'cohere'],
  ['ollama_chat', 'ollama'],
  ['vertex_ai_beta', 'vertex_ai'],
  ['sagemaker_chat', 'sagemaker'],
]);

/**
 * The upstream of a model. What LiteLLM says of the provider beats what the model's name looks like; a provider that the
 * table has not is LiteLLM, however its model is called.
 */
export function upstreamOf(model: string, provider: string | undefined): LitellmModel {
  if (provider === undefined) return litellmModel(model);
  const prefix = SAME.get(provider) ?? provider;
  const bare = [provider, prefix].reduce(
    (name, one) => (name.startsWith(`${one}/`) ? name.slice(one.length + 1) : name),
    model,
  );
  const known = litellmModel(`${prefix}/${bare}`);
  return known.model === bare ? known : { provider: 'LiteLLM', modelSource: 'LITELLM', model: bare };
}
