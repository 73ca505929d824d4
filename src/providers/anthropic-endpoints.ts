/** The endpoints of Anthropic's API: which are calls that are paid for, which are free, and which nobody knows yet. */
import type { RequestReading } from './adapter.js';
import { decoded } from './values.js';

/** What method, path and query say of a request. */
export interface AnthropicEndpoint {
  readonly name: string;
  readonly known: boolean;
  readonly kind: RequestReading['kind'];
  /** The batch whose state or results are asked for. */
  readonly batchId?: string;
  /** The model, where it stands in the path (Bedrock, Vertex AI). */
  readonly model?: string;
  /** Whether the path says that the answer is streamed. */
  readonly streaming?: boolean;
}

const BATCH = /\/messages\/batches\/([^/]+)(?:\/(results|cancel))?$/;
const BEDROCK = /\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/;
const VERTEX = /\/publishers\/anthropic\/models\/([^/]+):(rawPredict|streamRawPredict)$/;

/** Work that Anthropic does by itself once it is asked to (managed agents): paid for, and not understood (I1). */
const UNKNOWN = /\/sessions$|\/sessions\/[^/]+\/events$|\/deployments\/[^/]+\/run$|\/dreams$/;
/** Collections in which a POST stores, changes or counts something and computes nothing that has a price. */
const FREE =
  /\/messages\/count_tokens$|\/v1\/(models|files|skills|organizations|user_profiles|agents|environments|sessions|deployments|dreams|vaults|memory_stores|tunnels)(\/|$)/;

/** Reads a method and a path (no query, no trailing slash). Whatever base path stands before the endpoint is ignored. */
export function readAnthropicEndpoint(method: string, path: string): AnthropicEndpoint {
  const batch = BATCH.exec(path);
  if (batch !== null && method === 'GET' && batch[2] !== 'cancel') {
    const name = batch[2] === 'results' ? 'messages.batches.results' : 'messages.batches.retrieve';
    return { name, known: true, kind: 'poll', batchId: decoded(batch[1]!), streaming: batch[2] === 'results' };
  }
  if (method !== 'POST' || batch !== null) return free(path);
  if (/\/messages$/.test(path)) return { name: 'messages', known: true, kind: 'call' };
  if (/\/messages\/batches$/.test(path)) return { name: 'messages.batches', known: true, kind: 'call' };
  if (/\/complete$/.test(path)) return { name: 'complete', known: true, kind: 'call' };
  return readCloudEndpoint(path) ?? readOther(path);
}

/** The paths into which the clients for Bedrock and Vertex AI rewrite `/v1/messages`. */
function readCloudEndpoint(path: string): AnthropicEndpoint | undefined {
  const bedrock = BEDROCK.exec(path);
  if (bedrock !== null) return invoked(bedrock[1]!, bedrock[2] !== 'invoke');
  const vertex = VERTEX.exec(path);
  if (vertex === null) return undefined;
  return vertex[1] === 'count-tokens' ? free(path) : invoked(vertex[1]!, vertex[2] === 'streamRawPredict');
}

function invoked(model: string, streaming: boolean): AnthropicEndpoint {
  return { name: 'messages', known: true, kind: 'call', model: decoded(model), streaming };
}

function readOther(path: string): AnthropicEndpoint {
  if (UNKNOWN.test(path)) return { name: nameOf(path), known: false, kind: 'call' };
  return FREE.test(path) ? free(path) : { name: nameOf(path), known: false, kind: 'call' };
}

function free(path: string): AnthropicEndpoint {
  return { name: nameOf(path), known: true, kind: 'free' };
}

/** A name for logs: the path's words after the version, without ids (bounded, for it becomes an attribute). */
function nameOf(path: string): string {
  const words = path.split('/').filter((word) => /^[a-z_-]{1,32}$/.test(word) && word !== 'anthropic');
  return words.slice(-4).join('.') || 'unknown';
}
