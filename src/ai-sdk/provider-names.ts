/** From the AI SDK's name of a model's provider to the names of the wire (contract 6.2, 6.4). Pure. */
import type { TokenConvention } from '../providers/adapter.js';
import { ANTHROPIC_CONVENTION, type AnthropicPlatform, readAnthropicHost } from '../providers/anthropic-host.js';
import { azureModel } from '../providers/azure-model.js';
import { readOpenAIHost } from '../providers/openai-host.js';
import { textOf } from '../providers/values.js';
import { type AiModel, fieldsOf, readSafely } from './structure.js';

/** Who serves a model, in the words of the wire. */
export interface AiProvider {
  readonly provider: string;
  readonly modelSource: string;
  readonly model: string | undefined;
  /** Whether response ids are unique for ever (I4): only where the address is known to be the provider's own. */
  readonly idsAreUnique: boolean;
  readonly assumedHost?: string;
  /** How this provider counts in its own API. */
  readonly convention: TokenConvention;
  /** Set where the provider's name on the wire does not tell its convention. */
  readonly declaresConvention: boolean;
}

const ALL_INSIDE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' };
const REASONING_OUTSIDE: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' };

/** Provider and model source by the first word of the SDK's name; any other word is taken over in upper case. */
const NAMES: ReadonlyMap<string, readonly [provider: string, modelSource?: string]> = new Map([
  ['azure', ['Azure', 'OPENAI']],
  ['azure-openai', ['Azure', 'OPENAI']],
  ['google', ['Google', 'GOOGLE']],
  ['vertex', ['Google', 'GOOGLE_VERTEX_AI']],
  ['googlevertex', ['Google', 'GOOGLE_VERTEX_AI']],
  ['amazon-bedrock', ['AWS']],
  ['bedrock', ['AWS']],
  ['togetherai', ['TOGETHER']],
  ['x-ai', ['XAI']],
  ['moonshotai', ['MOONSHOT']],
  ['mistralai', ['MISTRAL']],
  ['fal', ['fal_ai', 'FAL_AI']],
]);

/** Conventions that are not {@link ALL_INSIDE}, by wire name. */
const CONVENTIONS: ReadonlyMap<string, TokenConvention> = new Map([
  ['ANTHROPIC', ANTHROPIC_CONVENTION],
  ['AWS', ANTHROPIC_CONVENTION],
  ['Google', REASONING_OUTSIDE],
  ['XAI', REASONING_OUTSIDE],
  ['PERPLEXITY', REASONING_OUTSIDE],
]);

/** Names the provider of `model`. Never throws. */
export function readAiProvider(model: AiModel): AiProvider {
  const name = textOf(readSafely(() => model.provider, undefined))?.toLowerCase() ?? '';
  const modelId = textOf(readSafely(() => model.modelId, undefined))?.replace(/^models\//, '');
  const url = addressOf(model);
  if (name.startsWith('gateway')) return ofGateway(modelId);
  if (name.includes('anthropic')) return ofAnthropic(name, url, modelId);
  const host = url === undefined ? undefined : readOpenAIHost(url);
  const speaksOpenAI = name.startsWith('openai.') || name.startsWith('azure');
  if (host !== undefined && (speaksOpenAI || host.assumedHost === undefined)) {
    const { provider, modelSource, idsAreUnique, assumedHost } = host;
    const convention = host.tokenConvention ?? ALL_INSIDE;
    return named([provider, modelSource], modelId, { idsAreUnique, assumedHost, convention });
  }
  if (name.startsWith('google.vertex')) return named(['Google', 'GOOGLE_VERTEX_AI'], modelId);
  const names = namesOf(firstWord(name));
  return named(names[0] === 'AWS' ? ['AWS', makerOf(modelId)] : names, modelId);
}

interface Known {
  readonly idsAreUnique?: boolean;
  readonly assumedHost?: string | undefined;
  readonly convention?: TokenConvention | undefined;
  readonly declaresConvention?: boolean;
}

function named([provider, modelSource]: readonly [string, string], model: string | undefined, known: Known = {}) {
  const convention = known.convention ?? CONVENTIONS.get(provider) ?? ALL_INSIDE;
  const isTold =
    convention === ALL_INSIDE || (convention === ANTHROPIC_CONVENTION && /^(ANTHROPIC|AWS)$/.test(provider));
  return {
    provider,
    modelSource,
    model: provider === 'Azure' && model !== undefined ? azureModel(model) : model,
    idsAreUnique: known.idsAreUnique ?? false,
    ...(known.assumedHost === undefined ? {} : { assumedHost: known.assumedHost }),
    convention,
    declaresConvention: !isTold,
  };
}

function namesOf(word: string): readonly [provider: string, modelSource: string] {
  const [provider = word === '' ? 'UNKNOWN' : word.toUpperCase(), modelSource = provider] = NAMES.get(word) ?? [];
  return [provider, modelSource];
}

function firstWord(name: string): string {
  return /^[^./:]*/.exec(name)?.[0] ?? '';
}

/** A router names the maker in the model; the reported model is without that prefix (contract 6.4). */
function ofGateway(modelId: string | undefined): AiProvider {
  const [, maker, model] = /^([^/]+)\/(.+)$/.exec(modelId ?? '') ?? [];
  return maker === undefined ? named(['VERCEL', 'VERCEL'], modelId) : named(namesOf(maker.toLowerCase()), model);
}

/** Anthropic's protocol: its own, Bedrock's or Vertex's. */
function ofAnthropic(name: string, url: string | undefined, modelId: string | undefined): AiProvider {
  const platform: AnthropicPlatform = name.includes('bedrock')
    ? 'bedrock'
    : name.includes('vertex')
      ? 'vertex'
      : 'anthropic';
  const { provider, modelSource, ...known } = readAnthropicHost(url ?? 'https://unknown', platform);
  const { idsAreUnique, assumedHost } = url === undefined ? { idsAreUnique: false, assumedHost: undefined } : known;
  return named([provider, modelSource], modelId, { idsAreUnique, assumedHost, convention: ANTHROPIC_CONVENTION });
}

/** `us.anthropic.claude-…` and `amazon.nova-…` name their maker. */
function makerOf(modelId: string | undefined): string {
  return /^(?:[a-z]{2,6}\.)?([a-z0-9]+)\./.exec(modelId ?? '')?.[1]?.toUpperCase() ?? 'AWS';
}

/** Where a model's requests go, as far as its configuration says so; the specifications do not. */
function addressOf(model: AiModel): string | undefined {
  return readSafely(() => {
    const config = fieldsOf(Reflect.get(model, 'config'));
    const base = textOf(config['baseURL']);
    if (base !== undefined) return base;
    const { url } = config;
    if (typeof url !== 'function') return undefined;
    return textOf(url.call(config, { path: '/chat/completions', modelId: model.modelId }));
  }, undefined);
}
