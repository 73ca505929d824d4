/**
 * Anthropic's messages API, wherever it is spoken: Anthropic itself, Bedrock, Vertex AI, Azure AI Foundry, proxies. Pure:
 * from method, URL and body to a reading, from an answer to its usage (contract 5.10, 6.0 to 6.2, 6.6).
 */
import { boundOfValue, NO_CONSUMPTION, sumOfBounds } from '../bound/parsed-body.js';
import type { ProviderAdapter, ProviderRequest, RequestReading, UsageReader, UsageReading } from './adapter.js';
import { type AnthropicEndpoint, readAnthropicEndpoint } from './anthropic-endpoints.js';
import { ANTHROPIC_CONVENTION, type AnthropicPlatform, readAnthropicHost } from './anthropic-host.js';
import {
  anthropicPrompts,
  anthropicPromptText,
  batchModels,
  batchParams,
  hasVisionContent,
} from './anthropic-prompt.js';
import { AnthropicReader } from './anthropic-reader.js';
import { bedrockModel, namesBedrockModel } from './bedrock-model.js';
import { pathOf } from './openai-host.js';
import { recordOf, textOf } from './values.js';

/** A reading with what only this adapter's own reader and instrument need. */
export interface AnthropicRequestReading extends RequestReading {
  /** The batch whose state or results are asked for. */
  readonly batchId?: string;
  /** Of a batch: each other model that it asks for. */
  readonly otherModels: readonly string[];
  /** Of a read of a batch: whether the ids of the messages in it are unique for ever (I4). */
  readonly resultIdsAreUnique: boolean;
}

/** The adapter. Input excludes cache tokens; thinking is part of the output. */
export const anthropicAdapter: ProviderAdapter = {
  name: 'anthropic',
  tokenConvention: ANTHROPIC_CONVENTION,
  readRequest: (request) => readAnthropicRequest(request),
  createUsageReader: createAnthropicReader,
};

/** Reads a request to any server that speaks Anthropic's protocol. Never throws. */
export function readAnthropicRequest(
  request: ProviderRequest,
  platform: AnthropicPlatform = 'anthropic',
): AnthropicRequestReading {
  const host = readAnthropicHost(request.url, platform);
  const endpoint = readAnthropicEndpoint(request.method, pathOf(request.url));
  const body = recordOf(request.body) ?? {};
  const models = modelsOf(endpoint, body).map((name) => (host.provider === 'AWS' ? bedrockModel(name) : name));
  const temperature = body['temperature'];
  const tier = textOf(body['service_tier']);
  const isBatch = endpoint.name.startsWith('messages.batches');
  return {
    endpoint: endpoint.name,
    known: endpoint.known,
    provider: host.provider,
    modelSource: host.modelSource,
    operationType: 'CHAT',
    ...(Array.isArray(body['tools']) && body['tools'].length > 0 ? { operationSubtype: 'function_call' } : {}),
    ...(models[0] === undefined ? {} : { model: models[0] }),
    streaming: endpoint.streaming ?? body['stream'] === true,
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => anthropicPromptText(body),
    prompts: () => anthropicPrompts(body),
    ...boundedBy(endpoint, host.provider, models[0], body),
    // A read of a batch is named by no event.
    idsAreUnique: host.idsAreUnique && endpoint.kind !== 'poll',
    kind: endpoint.kind,
    ...(host.assumedHost === undefined ? {} : { assumedHost: host.assumedHost }),
    ...(host.tokenConvention === undefined ? {} : { tokenConvention: host.tokenConvention }),
    ...(hasVisionContent(body) ? { hasVisionContent: true } : {}),
    ...(tier === undefined ? {} : { requestedServiceTier: tier }),
    ...(isBatch ? { pricingTier: 'BATCH' as const } : {}),
    ...(endpoint.batchId === undefined ? {} : { batchId: endpoint.batchId }),
    otherModels: models.slice(1),
    resultIdsAreUnique: host.idsAreUnique,
  };
}

function modelsOf(endpoint: AnthropicEndpoint, body: Record<string, unknown>): readonly string[] {
  if (endpoint.name === 'messages.batches') return batchModels(body);
  const model = endpoint.model ?? textOf(body['model']);
  return model === undefined ? [] : [model];
}

/** A batch consumes what its requests do. */
function boundedBy(
  { name, known, kind }: AnthropicEndpoint,
  provider: string,
  model: string | undefined,
  body: Record<string, unknown>,
): Pick<RequestReading, 'bound'> {
  if (!known || kind !== 'call') return {};
  const bounded = (endpoint: string, asked: Record<string, unknown>, assumed: number) =>
    boundOfValue({ endpoint, operationType: 'CHAT', provider, model }, asked, assumed);
  if (name !== 'messages.batches') return { bound: (assumed) => bounded(name, body, assumed) };
  const each = (assumed: number) => batchParams(body).map((params) => bounded('messages', params, assumed));
  return { bound: (assumed) => sumOfBounds(each(assumed), NO_CONSUMPTION) };
}

function createAnthropicReader(request: RequestReading): UsageReader {
  if (request.endpoint.startsWith('messages.batches')) return new BatchReader();
  const { model, provider } = request;
  // AWS bills by the id that was asked for: it says which region, the answer's model does not.
  const keepsModel = provider === 'AWS' && model !== undefined && namesBedrockModel(model);
  return new AnthropicReader({ keepsModel });
}

/** A batch itself consumes nothing: its results do, when they are read. */
class BatchReader implements UsageReader {
  #isBatch = false;
  #id: string | undefined;

  responseHead(status: number): void {
    this.#isBatch = status < 400;
  }

  whole(body: unknown): void {
    this.#id = textOf(recordOf(body)?.['id']);
  }

  chunk(data: unknown): void {
    this.whole(data);
  }

  reading(): UsageReading {
    return { responseId: this.#id, finished: false, pending: this.#isBatch, outputText: '' };
  }
}
