/** The header of contract 5.1. Opt-in: a request without it is idempotent by its transaction id alone. */
import { createHash } from 'node:crypto';
import { ApiError } from '../http/api-error.js';
import type { IngestState } from './ingest-state.js';

const FORMAT = /^[\x20-\x7e]{1,255}$/;

/** The key of a request; `undefined` where it carries none. @throws ApiError 400 `invalid_idempotency_key` */
export function readIdempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && FORMAT.test(header)) return header;
  throw new ApiError(
    400,
    'invalid_idempotency_key',
    'the Idempotency-Key header must have 1 to 255 printable ASCII characters',
  );
}

/** Names a request: a key that is used for two operations, or for two bodies, is a mismatch. */
export function hashRequest(operation: string, rawBody: string): string {
  return createHash('sha256').update(`${operation}\n${rawBody}`).digest('hex');
}

/** 409: the key was used for another body. Public SDKs repeat on 409 unless they are told; a mismatch never heals. */
export function keyMismatch(): ApiError {
  return new ApiError(409, 'idempotency_key_mismatch', 'this key was used for another body', {
    headers: { 'x-should-retry': 'false' },
  });
}

/** 409: a request with this key is being worked on; its answer can be had in a moment. */
export function keyInProgress(): ApiError {
  return new ApiError(409, 'idempotency_key_in_progress', 'a request with this key is still being worked on', {
    headers: { 'retry-after': '1' },
  });
}

/**
 * Does `work` while the key is claimed; without a key it is just done. A second request of this process with the same
 * key is told to come back (contract 5.1); one at another replica waits for the team's lock and replays.
 *
 * @throws ApiError 409 `idempotency_key_in_progress`; whatever `work` throws
 */
export async function whileClaimed<T>(
  state: IngestState,
  owner: string,
  key: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (key === undefined) return work();
  if (!state.claim(owner, key)) throw keyInProgress();
  try {
    return await work();
  } finally {
    state.release(owner, key);
  }
}
