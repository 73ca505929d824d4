/** Idempotency-Key (contract 5.1): one key, one answer, for 24 hours. Opt-in by the header's presence. */
import { createHash } from 'node:crypto';
import { ApiError } from '../http/api-error.js';
import type { ServiceContext } from '../http/types.js';

const FORMAT = /^[\x20-\x7e]{1,255}$/;

/** An answer that can be kept and given again. */
export interface RepeatableAnswer {
  readonly status: number;
  readonly body: string;
  /** Whether it was kept from an earlier request. */
  readonly replayed: boolean;
}

/** What is asked, by whom, under which key. */
export interface IdempotentRequest {
  /** The account: keys of two accounts never meet. */
  readonly owner: string;
  /** The header as it came; `undefined`: not asked for. */
  readonly header: string | readonly string[] | undefined;
  /** Names the operation, so that a key used for two is a mismatch. */
  readonly operation: string;
  readonly rawBody: string;
}

/**
 * Runs `work` once per key: a repeated request gets the kept status and body.
 *
 * @throws ApiError 400 `invalid_idempotency_key`; 409 `idempotency_key_mismatch` (another body under the same key);
 * 409 `idempotency_key_in_progress` with `Retry-After: 1`. What `work` throws is passed on and frees the key.
 */
export async function onceForKey(
  { store, log }: ServiceContext,
  request: IdempotentRequest,
  work: () => Promise<{ status: number; body: string }>,
): Promise<RepeatableAnswer> {
  const key = readKey(request.header);
  if (key === undefined) return { ...(await work()), replayed: false };
  const bodyHash = createHash('sha256').update(`${request.operation}\n${request.rawBody}`).digest('hex');
  const claim = await store.claimIdempotencyKey(request.owner, key, bodyHash);
  if (claim.state === 'done') return { status: claim.answer.status, body: claim.answer.body, replayed: true };
  if (claim.state === 'mismatch') throw conflict('idempotency_key_mismatch', 'this key was used for another body', {});
  if (claim.state === 'running') {
    throw conflict('idempotency_key_in_progress', 'a request with this key is still being worked on', {
      'retry-after': '1',
    });
  }
  let answer: { status: number; body: string };
  try {
    answer = await work();
  } catch (error) {
    await store.releaseIdempotencyKey(request.owner, key).catch(() => undefined);
    throw error;
  }
  try {
    await store.keepAnswer(request.owner, key, { bodyHash, ...answer });
  } catch (error) {
    // The work is done and durable; a repeat is caught by the transaction id.
    log.warn('an answer could not be kept for its Idempotency-Key', { error: String(error) });
  }
  return { ...answer, replayed: false };
}

function readKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && FORMAT.test(header)) return header;
  throw new ApiError(
    400,
    'invalid_idempotency_key',
    'the Idempotency-Key header must have 1 to 255 printable ASCII characters',
  );
}

function conflict(code: string, message: string, headers: Record<string, string>): ApiError {
  // Public SDKs repeat on 409 unless they are told; a mismatch never heals.
  const retry = headers['retry-after'] === undefined ? 'false' : 'true';
  return new ApiError(409, code, message, { headers: { ...headers, 'x-should-retry': retry } });
}
