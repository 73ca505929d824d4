/** Perplexity's own API, as its own client speaks it. Pure: from method, URL and body to a reading, from an answer to its usage. */
import { boundOfValue, NO_CONSUMPTION } from '../bound/parsed-body.js';
import type { ProviderAdapter, ProviderRequest, RequestReading, UsageReader } from './adapter.js';
import { openaiAdapter } from './openai.js';
import { pathOf } from './openai-host.js';
import { openAIPromptText } from './openai-prompt-text.js';
import { hasOpenAIVision, openAIPrompts } from './openai-request-facts.js';
import { type PerplexityEndpoint, readPerplexityEndpoint } from './perplexity-endpoints.js';
import { AsyncChatReader, PerplexityReader, SearchReader } from './perplexity-reader.js';
import { recordOf, textOf } from './values.js';

/** A reading with what only the instrument needs: work that one request starts and another one reads the end of. */
export interface PerplexityRequestReading extends RequestReading {
  /** The background answer that a `poll` asks for. */
  readonly polledId?: string;
  /** Made in the background: nothing is metered before its end is read. */
  readonly background: boolean;
}

/** The adapter. It knows chat, agent (responses), search, embeddings and asynchronous chat; other POSTs are flagged. */
export const perplexityAdapter: ProviderAdapter = {
  name: 'perplexity',
  // Reasoning has a count and a price of its own (sonar-deep-research): it is in neither output nor total.
  tokenConvention: { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' },
  readRequest: readPerplexityRequest,
  createUsageReader: createPerplexityReader,
};

/** Reads a request to Perplexity's API, or to a server that stands before it. Never throws. */
export function readPerplexityRequest(request: ProviderRequest): PerplexityRequestReading {
  const endpoint = readPerplexityEndpoint(request.method, pathOf(request.url));
  const sent = recordOf(request.body) ?? {};
  const isAsync = endpoint.name === 'async.chat.completions';
  const body = isAsync ? (recordOf(sent['request']) ?? sent) : sent;
  const model = endpoint.name === 'search' ? 'search' : modelOf(body);
  const temperature = body['temperature'];
  const tools = body['tools'];
  const host = foreignHostOf(request.url);
  return {
    endpoint: endpoint.name,
    known: endpoint.known,
    provider: 'PERPLEXITY',
    modelSource: 'PERPLEXITY',
    operationType: endpoint.operationType,
    ...(Array.isArray(tools) && tools.length > 0 ? { operationSubtype: 'function_call' } : {}),
    ...(model === undefined ? {} : { model }),
    streaming: endpoint.kind !== 'poll' && !isAsync && body['stream'] === true,
    ...(typeof temperature === 'number' ? { temperature } : {}),
    // A search has no tokens, however it ends.
    promptText: () => (endpoint.name === 'search' ? '' : openAIPromptText(body)),
    // UUIDs, but for what a server before Perplexity's may make of them.
    idsAreUnique: host === undefined,
    kind: endpoint.kind,
    tokenConvention: perplexityAdapter.tokenConvention,
    ...(host === undefined ? {} : { assumedHost: host }),
    ...(hasOpenAIVision(body) ? { hasVisionContent: true } : {}),
    ...(endpoint.name === 'search' ? { attributes: { numSearchQueries: queriesOf(body['query']) } } : {}),
    ...boundedBy(endpoint, model, body),
    prompts: () => openAIPrompts({ ...body, input: body['input'] ?? body['query'] }),
    ...(endpoint.polledId === undefined ? {} : { polledId: endpoint.polledId }),
    background: isAsync || (endpoint.name === 'responses' && body['background'] === true),
  };
}

/** A search is billed by the request; a model that fetches by itself says so in its bound. */
function boundedBy(
  { name, known, kind, operationType }: PerplexityEndpoint,
  model: string | undefined,
  body: Record<string, unknown>,
): Pick<RequestReading, 'bound'> {
  if (!known || kind !== 'call') return {};
  if (name === 'search') return { bound: () => NO_CONSUMPTION };
  const endpoint = name.replace(/^async\./, '');
  return {
    bound: (assumed) => {
      const bound = boundOfValue({ endpoint, operationType, provider: 'PERPLEXITY', model }, body, assumed);
      const isPreset = endpoint === 'responses' && body['preset'] !== undefined;
      return isPreset ? { ...bound, unbounded: 'a preset, which says what is done with it' } : bound;
    },
  };
}

function createPerplexityReader(request: RequestReading): UsageReader {
  const { endpoint, streaming } = request;
  if (endpoint === 'search') return new SearchReader();
  const isAsync = endpoint.startsWith('async.');
  const shape = isAsync ? 'chat.completions' : endpoint.startsWith('embeddings') ? 'embeddings' : endpoint;
  const inner = openaiAdapter.createUsageReader({ ...request, endpoint: shape, provider: 'OPENAI' });
  const reader = new PerplexityReader(inner, streaming);
  return isAsync ? new AsyncChatReader(reader) : reader;
}

/** The agent takes one model, several to fall back on, or a preset that stands for one. */
function modelOf(body: Record<string, unknown>): string | undefined {
  const { model, models, preset } = body;
  return textOf(model) ?? (Array.isArray(models) ? textOf(models[0]) : undefined) ?? textOf(preset);
}

function queriesOf(query: unknown): number {
  return Array.isArray(query) ? query.length : 1;
}

/** The host of a URL that is not Perplexity's own. */
function foreignHostOf(url: string): string | undefined {
  const host = (/^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '').toLowerCase();
  return host === 'perplexity.ai' || host.endsWith('.perplexity.ai') ? undefined : host;
}
