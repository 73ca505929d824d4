/** Which provider stands behind a model of a LiteLLM proxy (contract 6.4). Pure. */

/** Wire names of the upstream, and the model's name without its prefix. */
export interface LitellmModel {
  readonly provider: string;
  readonly modelSource: string;
  readonly model: string;
}

type Upstream = readonly [provider: string, modelSource: string];

const OPENAI: Upstream = ['OpenAI', 'OPENAI'];
const ANTHROPIC: Upstream = ['Anthropic', 'ANTHROPIC'];
const VERTEX: Upstream = ['Google Vertex AI', 'GOOGLE'];
const GOOGLE: Upstream = ['Google', 'GOOGLE'];
const COHERE: Upstream = ['Cohere', 'COHERE'];
const MISTRAL: Upstream = ['Mistral', 'MISTRAL'];
const PERPLEXITY: Upstream = ['Perplexity', 'PERPLEXITY'];
const UNKNOWN: Upstream = ['LiteLLM', 'LITELLM'];

/** By what stands before the first slash. */
const BY_PREFIX: ReadonlyMap<string, Upstream> = new Map<string, Upstream>([
  ['openai', OPENAI],
  ['text-completion-openai', OPENAI],
  ['azure', ['Azure', 'OPENAI']],
  ['anthropic', ANTHROPIC],
  ['vertex_ai', VERTEX],
  ['gemini', GOOGLE],
  ['palm', GOOGLE],
  ['cohere', COHERE],
  ['mistral', MISTRAL],
  ['groq', ['Groq', 'GROQ']],
  ['ollama', ['Ollama', 'OLLAMA']],
  ['together_ai', ['Together AI', 'TOGETHER']],
  ['fireworks_ai', ['Fireworks AI', 'FIREWORKS']],
  ['deepinfra', ['DeepInfra', 'DEEPINFRA']],
  ['perplexity', PERPLEXITY],
  ['anyscale', ['Anyscale', 'ANYSCALE']],
  ['cloudflare', ['Cloudflare', 'CLOUDFLARE']],
  ['voyage', ['Voyage AI', 'VOYAGE']],
  ['friendliai', ['FriendliAI', 'FRIENDLIAI']],
  ['ai21', ['AI21', 'AI21']],
  ['replicate', ['Replicate', 'REPLICATE']],
  ['databricks', ['Databricks', 'DATABRICKS']],
  ['bedrock', ['AWS Bedrock', 'BEDROCK']],
  ['sagemaker', ['AWS Sagemaker', 'SAGEMAKER']],
  ['huggingface', ['Hugging Face', 'HUGGINGFACE']],
]);

/** By the name, where no prefix is known. */
const BY_PATTERN: readonly (readonly [RegExp, Upstream])[] = [
  [/^gpt-|(^|-)davinci(-|$)|^text-embedding/, OPENAI],
  [/^claude/, ANTHROPIC],
  [/bison|gecko/, VERTEX],
  [/^command/, COHERE],
  [/^mixtral/, MISTRAL],
  [/^sonar/, PERPLEXITY],
];

/**
 * Reads a model's name as LiteLLM takes it: a known prefix first, then the pattern of the name, else LiteLLM itself,
 * behind whose aliases any provider may stand. Only a known prefix is taken off: an alias may have a slash of its own.
 */
export function litellmModel(name: string): LitellmModel {
  const slash = name.indexOf('/');
  const prefixed = slash <= 0 ? undefined : BY_PREFIX.get(name.slice(0, slash).toLowerCase());
  if (prefixed !== undefined && slash + 1 < name.length) return named(prefixed, name.slice(slash + 1));
  const lower = name.toLowerCase();
  return named(BY_PATTERN.find(([pattern]) => pattern.test(lower))?.[1] ?? UNKNOWN, name);
}

function named([provider, modelSource]: Upstream, model: string): LitellmModel {
  return { provider, modelSource, model };
}

/** Whether Anthropic's models answer, at Anthropic or at a cloud: their input counts exclude cache tokens (contract 5.10). */
export function isAnthropicUpstream({ modelSource, model }: Pick<LitellmModel, 'modelSource' | 'model'>): boolean {
  return modelSource === 'ANTHROPIC' || /(^|[./-])(anthropic|claude)/i.test(model);
}
