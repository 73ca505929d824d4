/** The header of contract 5.1. Opt-in: a request without it is idempotent by its transaction id alone. */
import { createHash } from 'node:crypto';
import { ApiError } from '../http/api-error.js';

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
