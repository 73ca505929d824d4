/**
 * OpenAI's API, wherever it is spoken: OpenAI itself, Azure, Ollama's compatible endpoint, other servers. Pure: from
 * method, URL and body to a reading, from an answer to its usage (contract 6.0 to 6.3).
 */
import type { BoundReading } from '../bound/call-bound.js';
import { boundOfValue } from '../bound/parsed-body.js';
import type { ProviderAdapter, ProviderRequest, RequestReading, UsageReader } from './adapter.js';
import { azureModel } from './azure-model.js';
import { SpeechReader, TranscriptReader } from './openai-audio-reader.js';
import { type Endpoint, plainPath, readEndpoint } from './openai-endpoints.js';
import { type OpenAIHost, pathOf, readOpenAIHost } from './openai-host.js';
import { readerForHost } from './openai-host-reader.js';
import { ImageReader, VideoReader } from './openai-media-reader.js';
import { openAIMediaAsked } from './openai-media-request.js';
import { openAIPromptText } from './openai-prompt-text.js';
import { ChatReader } from './openai-reader.js';
import { hasOpenAIVision, openAIPrompts } from './openai-request-facts.js';
import { ResponsesReader } from './openai-responses-reader.js';
import { PerplexityReader } from './perplexity-reader.js';
import { recordOf, textOf } from './values.js';

/** A reading with what only this adapter's own reader and instrument need. */
export interface OpenAIRequestReading extends RequestReading {
  /** `n`: the stream is over when so many choices ended. */
  readonly choicesAsked: number;
  /** Whether the server is known to take `stream_options.include_usage`. */
  readonly takesIncludeUsage: boolean;
  /** The response that a `poll` asks for. */
  readonly polledId?: string;
  /** The response is made in the background: nothing is metered before its end is read. */
  readonly background: boolean;
  /** A server that counts or prices in another way than OpenAI does. */
  readonly host?: OpenAIHost;
}

/** What the owner of a client knows better than an address tells. */
export interface OpenAIOverrides {
  /** Azure: from a deployment's name, in lower case, to the model that it serves. */
  readonly deployments?: Readonly<Record<string, string>> | undefined;
  /** What is known of the server, laid over what its address says: a gateway has any address. */
  readonly host?: Partial<OpenAIHost> | undefined;
}

/** The adapter. It knows chat, responses, completions, embeddings, moderations, images, audio and videos. */
export const openaiAdapter: ProviderAdapter = {
  name: 'openai',
  tokenConvention: { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' },
  readRequest: (request) => readOpenAIRequest(request),
  createUsageReader: createOpenAIReader,
};

/** Reads a request to any server that speaks OpenAI's protocol. Never throws. */
export function readOpenAIRequest(request: ProviderRequest, overrides: OpenAIOverrides = {}): OpenAIRequestReading {
  const address = readOpenAIHost(request.url);
  const host = overrides.host === undefined ? address : { ...address, ...overrides.host };
  const endpoint = readEndpoint(request.method, plainPath(pathOf(request.url)));
  const body = recordOf(request.body) ?? {};
  const deployment = host.deployment ?? textOf(body['model']);
  const isAzure = deployment !== undefined && host.provider === 'Azure';
  const model = isAzure ? modelOf(deployment, overrides) : deployment;
  const temperature = body['temperature'];
  const usesTools = isFilledList(body['tools']) || isFilledList(body['functions']);
  const subtype = endpoint.operationSubtype ?? (usesTools ? 'function_call' : undefined);
  const media = openAIMediaAsked(endpoint.name, body);
  const tier = textOf(body['service_tier']);
  return {
    endpoint: endpoint.name,
    known: endpoint.known,
    provider: host.provider,
    modelSource: host.modelSource,
    operationType: endpoint.operationType,
    ...(subtype === undefined ? {} : { operationSubtype: subtype }),
    ...(model === undefined ? {} : { model }),
    streaming: isStreaming(endpoint.kind, endpoint.name, request.url, body),
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => openAIPromptText(body),
    prompts: () => openAIPrompts(body),
    ...boundedBy(endpoint, { provider: host.provider, model, media }, body),
    // Recorded ids of moderations are short numbers; what nobody knows may answer with the id of a thread or a run.
    idsAreUnique: host.idsAreUnique && endpoint.known && endpoint.name !== 'moderations',
    kind: endpoint.kind,
    ...(host.assumedHost === undefined ? {} : { assumedHost: host.assumedHost }),
    ...(host.tokenConvention === undefined ? {} : { tokenConvention: host.tokenConvention }),
    ...(hasOpenAIVision(body) ? { hasVisionContent: true } : {}),
    ...(media === undefined ? {} : { media }),
    ...(tier === undefined ? {} : { requestedServiceTier: tier }),
    ...(isAzure && deployment !== model ? { attributes: { deployment } } : {}),
    choicesAsked: typeof body['n'] === 'number' && body['n'] > 1 ? body['n'] : 1,
    takesIncludeUsage: host.takesIncludeUsage,
    ...(endpoint.responseId === undefined ? {} : { polledId: endpoint.responseId }),
    background: endpoint.name === 'responses' && body['background'] === true,
    ...(host.isOpenAI ? {} : { host }),
  };
}

/** Only of what is known to be a call: a poll consumes nothing, and of anything else nobody knows. */
function boundedBy(
  { name, operationType, known, kind }: Endpoint,
  reading: Pick<BoundReading, 'provider' | 'model' | 'media'>,
  body: Record<string, unknown>,
): Pick<RequestReading, 'bound'> {
  if (!known || kind !== 'call') return {};
  const { provider, model, media } = reading;
  return { bound: (assumed) => boundOfValue({ endpoint: name, operationType, provider, model, media }, body, assumed) };
}

function modelOf(deployment: string, { deployments = {} }: OpenAIOverrides): string {
  const name = deployment.toLowerCase();
  return (Object.hasOwn(deployments, name) ? deployments[name] : undefined) ?? azureModel(deployment);
}

/** A form says it as text, speech by the format of its stream, a poll in its query. */
function isStreaming(kind: RequestReading['kind'], endpoint: string, url: string, body: Record<string, unknown>) {
  if (kind === 'poll') return /[?&]stream=true/.test(url);
  if (endpoint === 'audio.speech') return body['stream_format'] === 'sse';
  return body['stream'] === true || body['stream'] === 'true';
}

function createOpenAIReader(request: RequestReading): UsageReader {
  const { host } = request as Partial<OpenAIRequestReading>;
  const reader = readerFor(request);
  const counted = host === undefined ? reader : readerForHost(reader, host);
  // What Perplexity bills beside tokens; its running totals are the same behind any client.
  return request.provider === 'PERPLEXITY' ? new PerplexityReader(counted, request.streaming) : counted;
}

function readerFor(request: RequestReading): UsageReader {
  const { endpoint } = request;
  if (endpoint.startsWith('responses')) return new ResponsesReader(request.kind === 'poll');
  if (request.known) {
    if (request.operationType === 'IMAGE') return new ImageReader(request.media?.requestedImageCount ?? 1);
    if (request.operationType === 'VIDEO') return new VideoReader();
    if (endpoint === 'audio.speech') return new SpeechReader();
    if (request.operationType === 'AUDIO') return new TranscriptReader();
  }
  const { choicesAsked = 1 } = request as Partial<OpenAIRequestReading>;
  return new ChatReader(choicesAsked, endpoint === 'embeddings');
}

function isFilledList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
