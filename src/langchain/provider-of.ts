/**
 * Which provider stands behind a LangChain model: by its class, by what LangChain says of it (`ls_provider`), by the
 * address it is pointed at, by its module, at last by the name of the model (contract 6.2 and 6.4). Pure.
 */
import { litellmModel } from '../providers/litellm-model.js';
import { readOpenAIHost } from '../providers/openai-host.js';
import { listOf, textOf } from '../providers/values.js';
import { type Fields, fieldsOf, firstText } from './structure.js';

/** Wire names of a provider, and what is known of its ids. */
export interface LangChainProvider {
  readonly provider: string;
  readonly modelSource: string;
  /** Whether response ids of the provider's own making are unique for ever (I4). */
  readonly idsAreUnique: boolean;
  /** Set where the provider's name had to be assumed from the protocol. */
  readonly assumedHost?: string;
}

const UNIQUE = true;
/** Patterns of class names, `ls_provider` and modules, in lower case. The narrower one comes first. */
const BY_NAME: readonly (readonly [RegExp, provider: string, modelSource: string, unique?: boolean])[] = [
  [/azure/, 'Azure', 'OPENAI', UNIQUE],
  [/vertex/, 'Google', 'GOOGLE_VERTEX_AI'],
  [/google|gemini|palm/, 'Google', 'GOOGLE'],
  [/bedrock|amazon|^aws/, 'AWS', 'AWS'],
  [/anthropic/, 'ANTHROPIC', 'ANTHROPIC', UNIQUE],
  [/ollama/, 'OLLAMA', 'OLLAMA'],
  [/openrouter/, 'OPENROUTER', 'OPENROUTER'],
  [/openai/, 'OPENAI', 'OPENAI', UNIQUE],
  [/mistral|codestral/, 'MISTRAL', 'MISTRAL'],
  [/groq/, 'GROQ', 'GROQ'],
  [/cohere/, 'COHERE', 'COHERE'],
  [/together/, 'TOGETHER', 'TOGETHER'],
  [/fireworks/, 'FIREWORKS', 'FIREWORKS'],
  [/perplexity/, 'PERPLEXITY', 'PERPLEXITY'],
  [/deepseek/, 'DEEPSEEK', 'DEEPSEEK'],
  [/xai|grok/, 'XAI', 'XAI'],
  [/cerebras/, 'CEREBRAS', 'CEREBRAS'],
  [/deepinfra/, 'DEEPINFRA', 'DEEPINFRA'],
  [/hugging_?face|^hf/, 'HUGGINGFACE', 'HUGGINGFACE'],
  [/databricks/, 'DATABRICKS', 'DATABRICKS'],
  [/cloudflare/, 'CLOUDFLARE', 'CLOUDFLARE'],
  [/replicate/, 'REPLICATE', 'REPLICATE'],
  [/friendli/, 'FRIENDLIAI', 'FRIENDLIAI'],
  [/ai21/, 'AI21', 'AI21'],
  [/voyage/, 'VOYAGE', 'VOYAGE'],
  [/moonshot/, 'MOONSHOT', 'MOONSHOT'],
  [/nvidia/, 'NVIDIA', 'NVIDIA'],
  [/watsonx/, 'WATSONX', 'WATSONX'],
  [/sagemaker/, 'SAGEMAKER', 'SAGEMAKER'],
];

const UNKNOWN: LangChainProvider = { provider: 'unknown', modelSource: 'unknown', idsAreUnique: false };
/** LiteLLM's own name in its table: whose name it does not know either. */
const LITELLM = 'LITELLM';

/** What tells the provider. */
export interface ModelTraits {
  /** The model as LangChain serialises it: `{id: ['langchain', 'chat_models', 'openai', 'ChatOpenAI'], kwargs}`. */
  readonly serialized: Fields;
  /** Metadata of the run; models put `ls_provider` there. */
  readonly metadata: Fields;
  readonly model: string | undefined;
  /** The address that the environment points OpenAI's client at. */
  readonly openAIBaseUrl: string | undefined;
}

/** The provider of a model. `unknown` where nothing tells it; never throws. */
export function providerOf(traits: ModelTraits): LangChainProvider {
  const { serialized, metadata, model } = traits;
  const id = listOf(serialized['id']);
  const candidates = [id.at(-1), serialized['name'], metadata['ls_provider'], id[2]];
  for (const candidate of candidates) {
    const found = byName(textOf(candidate)?.toLowerCase());
    if (found?.provider === 'OPENAI') return byAddress(traits) ?? found;
    if (found?.provider === 'Google' && /^claude|anthropic/.test(model ?? ''))
      return { ...found, modelSource: 'ANTHROPIC' };
    if (found?.provider === 'AWS') return { ...found, modelSource: makerOnBedrock(model) };
    if (found !== undefined) return found;
  }
  return byModel(model);
}

function byName(name: string | undefined): LangChainProvider | undefined {
  if (name === undefined) return undefined;
  const found = BY_NAME.find(([pattern]) => pattern.test(name));
  return found && { provider: found[1], modelSource: found[2], idsAreUnique: found[3] === true };
}

/** A model of OpenAI's class speaks to whatever server it is pointed at. */
function byAddress({ serialized, openAIBaseUrl }: ModelTraits): LangChainProvider | undefined {
  const kwargs = fieldsOf(serialized['kwargs']);
  const configuration = fieldsOf(kwargs['configuration']);
  const url =
    firstText(configuration, 'baseURL', 'base_url', 'basePath') ?? firstText(kwargs, 'base_url') ?? openAIBaseUrl;
  if (url === undefined) return undefined;
  const { provider, modelSource, idsAreUnique, assumedHost } = readOpenAIHost(url);
  return { provider, modelSource, idsAreUnique, ...(assumedHost === undefined ? {} : { assumedHost }) };
}

/** `us.anthropic.claude-…`: the maker is the first part that is no region. */
function makerOnBedrock(model: string | undefined): string {
  const maker = /^(?:(?:us|eu|au|apac|jp|global|us-gov)\.)?([a-z0-9]+)\./.exec(model ?? '')?.[1];
  return maker === undefined || maker === 'amazon' ? 'AWS' : maker.toUpperCase();
}

/** By the model's name alone (contract 6.4), in the names that the other adapters use. */
function byModel(model: string | undefined): LangChainProvider {
  if (model === undefined) return UNKNOWN;
  const { modelSource, provider } = litellmModel(model);
  if (modelSource === LITELLM) return UNKNOWN;
  return byName(provider.toLowerCase()) ?? { provider: modelSource, modelSource, idsAreUnique: false };
}
