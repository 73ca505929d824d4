/** What it means that an upstream did not answer. */
import type { ForwardOutcome, UpstreamFailureCode } from './exchange.js';

/** One way of not being answered. */
export interface UpstreamFailure {
  readonly outcome: ForwardOutcome;
  readonly status: 502 | 504;
  readonly code: UpstreamFailureCode;
  /** For the caller; names no address, repeats no error text. */
  readonly message: string;
}

const UNREACHABLE: UpstreamFailure = {
  outcome: 'unreachable',
  status: 502,
  code: 'upstream_unreachable',
  message: 'The model server cannot be reached. Nothing was sent to it and nothing was charged; try again later.',
};
const FAILED: UpstreamFailure = {
  outcome: 'failed',
  status: 502,
  code: 'upstream_failed',
  message: 'The model server broke the connection, or answered what is no HTTP, before its answer began.',
};
const TIMEOUT: UpstreamFailure = {
  outcome: 'timeout',
  status: 504,
  code: 'upstream_timeout',
  message: 'The model server did not begin to answer in time.',
};

/** `sent`: a connection was there and the request went out on it. */
export function upstreamFailureOf(error: unknown, sent: boolean): UpstreamFailure {
  if (!sent) return UNREACHABLE;
  return codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT' ? TIMEOUT : FAILED;
}

/** For the log and the event: a code rather than a text, which may name addresses. */
export function failureReason(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error ? error.name : 'unknown error';
  return code;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  for (const one of [error, error.cause]) {
    const code = one instanceof Error ? (one as NodeJS.ErrnoException).code : undefined;
    if (typeof code === 'string') return code;
  }
  return undefined;
}
