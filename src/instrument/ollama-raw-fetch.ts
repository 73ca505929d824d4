/** Requests of an ollama client that no guarded method announced: `processStreamableRequest`, `client.fetch`, new methods. */
import type { CallPath } from '../call.js';
import type { ChangeableRequest } from '../holds/secure-options.js';
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
  const { reading } = read;
  const secured = path.secure(path.admit(reading, read.metadata), () => ({
    signal: init?.signal ?? undefined,
    change: changeOf(read, (body) => readAs(url, init, body)?.reading ?? reading),
  }));
  const admission = secured instanceof Promise ? await secured : secured;
  const attempt = path.begin(admission);
  const body = admission.body === undefined ? read.body : JSON.stringify(admission.body);
  const sent = body === undefined ? init : { ...init, body };
  const request = { url: String(url), headers: sent?.headers, isGateway };
  let isWaiting = true;
  const response = await sendRaw(inner, url, sent, (end, failure) => {
    if (isWaiting) path.gateways.unanswered(attempt, end, request);
    attempt.settle(end, failure);
  });
  isWaiting = false;
  path.gateways.answered(attempt, response, request);
  return tapResponse(response, attempt, ollamaAdapter.createUsageReader(admission.request), {
    streaming: reading.streaming,
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
  /** The body, parsed, without usage metadata. */
  readonly fields?: object;
  /** Set where the usage metadata had to be taken out of the body. */
  readonly body?: string;
}

/** What a hard budget may change of it. */
function changeOf({ fields }: RawRequest, read: (body: object) => RequestReading): ChangeableRequest | undefined {
  return fields === undefined ? undefined : { body: fields, read };
}

function readRaw(url: string, init: RequestInit | undefined): RawRequest | undefined {
  return readAs(url, init, parsed(init?.body));
}

function readAs(url: string, init: RequestInit | undefined, body: unknown): RawRequest | undefined {
  const method = (init?.method ?? 'GET').toUpperCase();
  const request: ProviderRequest = { method, url: String(url), body };
  const reading = ollamaAdapter.readRequest(request);
  if (reading === undefined) return undefined;
  if (typeof body !== 'object' || body === null) return { reading, metadata: undefined };
  const { carried, metadata } = carriedMetadata(body);
  const fields = carried ? withoutMetadata(body) : body;
  return { reading, metadata, fields, ...(carried ? { body: JSON.stringify(fields) } : {}) };
}

function parsed(body: unknown): unknown {
  if (typeof body !== 'string') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
