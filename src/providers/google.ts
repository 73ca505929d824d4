/**
 * Google's API as `@google/genai` and others speak it, Gemini and Vertex AI: contents, embeddings, images, videos, caches,
 * batches, interactions. Pure: from method, URL and body to a reading, from an answer to its usage (contract 6.0 to 6.2).
 */
import { googleBound } from '../bound/google-bound.js';
import { isRecord } from '../wire/is-record.js';
import type { ProviderAdapter, ProviderRequest, RequestReading, TokenConvention, UsageReader } from './adapter.js';
import { type GoogleEndpoint, type GoogleShape, googleModelName, readGoogleEndpoint } from './google-endpoints.js';
import { InteractionReader } from './google-interactions.js';
import { type AskedMedia, readImageRequest, readVideoRequest, videoSeconds } from './google-media.js';
import {
  createBatchReader,
  createCacheReader,
  createEmbeddingReader,
  createImageReader,
  createVideoReader,
} from './google-other-readers.js';
import { googleHasVision, googlePrompts, googlePromptText } from './google-prompt.js';
import { GoogleContentReader } from './google-reader.js';
import { recordOf, textOf } from './values.js';

/** Thoughts lie outside of `candidatesTokenCount`, cached tokens inside of `promptTokenCount`. */
export const GOOGLE_CONVENTION: TokenConvention = { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' };

/** A reading with what only this adapter's own readers and instrument need. */
export interface GoogleRequestReading extends RequestReading {
  readonly shape: GoogleShape;
  readonly candidatesAsked: number;
  /** The work whose end a `poll` asks for, by the name that the provider gave it. */
  readonly polled?: string;
  /** The length of one video, where the request says so. */
  readonly videoSeconds?: number | undefined;
  /** The answer is the beginning of work that goes on: nothing is metered before its end is read. */
  readonly startsWork: boolean;
}

/** The adapter. */
export const googleAdapter: ProviderAdapter = {
  name: 'google',
  tokenConvention: GOOGLE_CONVENTION,
  readRequest: readGoogleRequest,
  createUsageReader: (request) => createGoogleReader(request as Partial<GoogleRequestReading>),
};

/** Reads a request to Gemini or Vertex AI; a URL without a host will do. Never throws. */
export function readGoogleRequest(request: ProviderRequest): GoogleRequestReading {
  const endpoint = readGoogleEndpoint(request.method, pathOf(request.url));
  const body = recordOf(request.body) ?? {};
  const model = modelOf(endpoint, body);
  const config = recordOf(body['generationConfig']) ?? recordOf(body['generation_config']) ?? {};
  const temperature = config['temperature'];
  const tier = textOf(body['serviceTier']) ?? textOf(body['service_tier']);
  const asked = mediaOf(endpoint, model, body);
  const isBatch = endpoint.shape === 'batch';
  const polled = endpoint.polled === '' ? operationNameOf(body) : endpoint.polled;
  return {
    endpoint: endpoint.name,
    known: endpoint.known,
    // One name for both services: the catalogue, and the budgets that name a provider, know Google by it (contract 6.2).
    provider: 'Google',
    modelSource: endpoint.isVertex ? 'GOOGLE_VERTEX_AI' : 'GOOGLE',
    operationType: endpoint.operationType,
    ...subtypeOf(body, asked),
    ...(model === undefined ? {} : { model }),
    streaming: endpoint.streaming || (endpoint.shape === 'interaction' && isStreamed(request, body)),
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => googlePromptText(body),
    prompts: () => googlePrompts(body),
    ...(endpoint.known && endpoint.kind === 'call'
      ? { bound: (assumed: number) => googleBound({ endpoint, model, media: asked?.media }, body, assumed) }
      : {}),
    // Google promises nothing of its response ids; operations, batches and interactions are named once and for ever.
    idsAreUnique: endpoint.kind === 'poll' || endpoint.shape === 'interaction',
    kind: endpoint.kind,
    ...(endpoint.kind === 'call' && googleHasVision(body) ? { hasVisionContent: true } : {}),
    ...(asked === undefined ? {} : { media: asked.media }),
    ...(tier === undefined ? {} : { requestedServiceTier: tier }),
    ...(isBatch ? { pricingTier: 'BATCH' as const } : {}),
    shape: endpoint.shape,
    candidatesAsked: candidatesOf(config),
    ...(polled === undefined ? {} : { polled }),
    ...(endpoint.shape === 'video' ? { videoSeconds: videoSeconds(body) } : {}),
    startsWork: endpoint.kind === 'call' && (isBatch || endpoint.shape === 'video' || body['background'] === true),
  };
}

/** A reader for the answer to a request of this adapter. */
export function createGoogleReader(request: Partial<GoogleRequestReading>): UsageReader {
  switch (request.shape) {
    case 'embedding':
      return createEmbeddingReader();
    case 'image':
      return createImageReader();
    case 'video':
      return createVideoReader(request.videoSeconds);
    case 'cache':
      return createCacheReader();
    case 'batch':
      return createBatchReader();
    case 'interaction':
      return new InteractionReader();
    default:
      return new GoogleContentReader(request.candidatesAsked ?? 1);
  }
}

/** The path of a URL, or of the beginning of one: `models/x:generateContent?alt=sse`. */
function pathOf(url: string): string {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return path.replace(/\/+$/, '');
}

function modelOf(endpoint: GoogleEndpoint, body: Record<string, unknown>): string | undefined {
  if (endpoint.model !== undefined) return endpoint.model;
  const named = textOf(body['model']) ?? textOf(body['agent']);
  return named === undefined ? undefined : googleModelName(named);
}

function mediaOf(
  endpoint: GoogleEndpoint,
  model: string | undefined,
  body: Record<string, unknown>,
): AskedMedia | undefined {
  if (endpoint.kind !== 'call') return undefined;
  if (endpoint.shape === 'image') return readImageRequest(model ?? '', body);
  return endpoint.shape === 'video' ? readVideoRequest(body) : undefined;
}

function subtypeOf(body: Record<string, unknown>, asked: AskedMedia | undefined): { operationSubtype?: string } {
  if (asked?.operationSubtype !== undefined) return { operationSubtype: asked.operationSubtype };
  const { tools } = body;
  const usesFunctions =
    Array.isArray(tools) &&
    tools.some((tool) => isRecord(tool) && ('functionDeclarations' in tool || tool['type'] === 'function'));
  return usesFunctions ? { operationSubtype: 'function_call' } : {};
}

function isStreamed(request: ProviderRequest, body: Record<string, unknown>): boolean {
  return body['stream'] === true || /[?&]stream=true/.test(request.url);
}

function candidatesOf(config: Record<string, unknown>): number {
  const asked = config['candidateCount'];
  return typeof asked === 'number' && asked > 1 ? asked : 1;
}

/** Vertex AI names the operation whose state is asked for in the body. */
function operationNameOf(body: Record<string, unknown>): string | undefined {
  return textOf(body['operationName']);
}
