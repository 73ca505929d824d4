/**
 * OpenAI's API, wherever it is spoken: OpenAI itself, Azure, Ollama's compatible endpoint, other servers. Pure: from
 * method, URL and body to a reading, from an answer to its usage (contract 6.0 to 6.3).
 */
import type { ProviderAdapter, ProviderRequest, RequestReading, UsageReader } from './adapter.js';
import { azureModel } from './azure-model.js';
import { readEndpoint } from './openai-endpoints.js';
import { pathOf, readOpenAIHost } from './openai-host.js';
import { openAIPromptText } from './openai-prompt-text.js';
import { ChatReader } from './openai-reader.js';
import { ResponsesReader } from './openai-responses-reader.js';
import { recordOf, textOf } from './openai-usage.js';

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
}

/** The adapter. It knows chat, responses, embeddings and completions; any other POST that computes is flagged. */
export const openaiAdapter: ProviderAdapter = {
  name: 'openai',
  tokenConvention: { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' },
  readRequest: readOpenAIRequest,
  createUsageReader: createOpenAIReader,
};

/** Reads a request to any server that speaks OpenAI's protocol. Never throws. */
export function readOpenAIRequest(request: ProviderRequest): OpenAIRequestReading {
  const host = readOpenAIHost(request.url);
  const endpoint = readEndpoint(request.method, pathOf(request.url));
  const body = recordOf(request.body) ?? {};
  const asked = host.deployment ?? textOf(body['model']);
  const model = asked !== undefined && host.provider === 'Azure' ? azureModel(asked) : asked;
  const temperature = body['temperature'];
  const usesTools = isFilledList(body['tools']) || isFilledList(body['functions']);
  return {
    endpoint: endpoint.name,
    known: endpoint.known,
    provider: host.provider,
    modelSource: host.modelSource,
    operationType: endpoint.operationType,
    ...(usesTools ? { operationSubtype: 'function_call' } : {}),
    ...(model === undefined ? {} : { model }),
    streaming: endpoint.kind === 'poll' ? /[?&]stream=true/.test(request.url) : body['stream'] === true,
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => openAIPromptText(body),
    idsAreUnique: host.idsAreUnique,
    kind: endpoint.kind,
    ...(host.assumedHost === undefined ? {} : { assumedHost: host.assumedHost }),
    choicesAsked: typeof body['n'] === 'number' && body['n'] > 1 ? body['n'] : 1,
    takesIncludeUsage: host.takesIncludeUsage,
    ...(endpoint.responseId === undefined ? {} : { polledId: endpoint.responseId }),
    background: endpoint.name === 'responses' && body['background'] === true,
  };
}

function createOpenAIReader(request: RequestReading): UsageReader {
  if (request.endpoint.startsWith('responses')) return new ResponsesReader(request.kind === 'poll');
  const { choicesAsked = 1 } = request as Partial<OpenAIRequestReading>;
  return new ChatReader(choicesAsked, request.endpoint === 'embeddings');
}

function isFilledList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
