/** Requests of an ollama client that no guarded method announced: `processStreamableRequest`, `client.fetch`, new methods. */
import type { CallPath } from '../call.js';
import type { AttemptEnd, AttemptFailure } from '../metering/attempt.js';
import type { ProviderRequest, RequestReading } from '../providers/adapter.js';
import { ollamaAdapter } from '../providers/ollama.js';
import { endOf } from './metered-call.js';
import type { Fetch } from './ollama-fetch.js';
import { whileLeaving } from './original-fetch.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';
import { tapResponse } from './tap-response.js';

/**
 * Sends a request as `inner` would, decided and metered from its URL and body. What costs nothing passes untouched.
 *
 * @throws BudgetExceededError when the call is refused; the client hands it on as it is.
 */
export async function fetchRaw(
  inner: Fetch,
  url: string,
  init: RequestInit | undefined,
  path: CallPath,
  isGateway: boolean | undefined,
): Promise<Response> {
  const read = readRaw(url, init);
  if (read === undefined || read.reading.kind === 'free') return inner(url, init);
  const attempt = path.begin(path.admit(read.reading, read.metadata));
  const sent = read.body === undefined ? init : { ...init, body: read.body };
  const request = { url: String(url), headers: sent?.headers, isGateway };
  let isWaiting = true;
  const response = await sendRaw(inner, url, sent, (end, failure) => {
    if (isWaiting) path.gateways.unanswered(attempt, end, request);
    attempt.settle(end, failure);
  });
  isWaiting = false;
  path.gateways.answered(attempt, response, request);
  return tapResponse(response, attempt, ollamaAdapter.createUsageReader(read.reading), {
    streaming: read.reading.streaming,
    endOf,
  });
}

async function sendRaw(
  inner: Fetch,
  url: string,
  init: RequestInit | undefined,
  settle: (end: AttemptEnd, failure?: AttemptFailure) => void,
): Promise<Response> {
  init?.signal?.addEventListener('abort', () => settle('cancelled'), { once: true });
  try {
    return await whileLeaving(url, () => inner(url, init));
  } catch (error) {
    settle(endOf(error), { reason: String(error) });
    throw error;
  }
}

interface RawRequest {
  readonly reading: RequestReading;
  readonly metadata: unknown;
  /** Set where the usage metadata had to be taken out of the body. */
  readonly body?: string;
}

function readRaw(url: string, init: RequestInit | undefined): RawRequest | undefined {
  const method = (init?.method ?? 'GET').toUpperCase();
  const body = parsed(init?.body);
  const request: ProviderRequest = { method, url: String(url), body };
  const reading = ollamaAdapter.readRequest(request);
  if (reading === undefined) return undefined;
  if (typeof body !== 'object' || body === null) return { reading, metadata: undefined };
  const { carried, metadata } = carriedMetadata(body);
  return { reading, metadata, ...(carried ? { body: JSON.stringify(withoutMetadata(body)) } : {}) };
}

function parsed(body: unknown): unknown {
  if (typeof body !== 'string') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
