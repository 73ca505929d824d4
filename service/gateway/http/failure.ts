/** An answer of the gateway's own that is not a success, as a value; `own-answers.ts` writes it in the caller's dialect. */

/** What a {@link Failure} carries beside its text. */
export interface FailureOptions {
  /** Sent as `Retry-After`; only where coming back helps. */
  readonly retryAfterSeconds?: number;
  /** `false`: the official clients are told not to try again (`x-should-retry`), whatever the status says to them. */
  readonly shouldRetry?: boolean;
  /** For machines, beside the message in every dialect. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Names and values, alternating. */
  readonly headers?: readonly string[];
}

/**
 * Why a request is not served. `code` is for machines, `message` for people: both are shown to the caller, and a message
 * never repeats what the caller sent but a path.
 */
export class Failure {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly message: string,
    readonly options: FailureOptions = {},
  ) {}
}

/** 503 for what passes by itself: nothing was sent and nothing was charged. */
export function unavailable(code: string, message: string, retryAfterSeconds: number): Failure {
  return new Failure(503, code, message, { retryAfterSeconds: wholeSeconds(retryAfterSeconds) });
}

/** 429 with the seconds until it is worth coming back. */
export function tooMany(code: string, message: string, retryAfterSeconds: number): Failure {
  return new Failure(429, code, message, { retryAfterSeconds: wholeSeconds(retryAfterSeconds) });
}

/** Rounded up, so that nobody comes back too early; clients that are told more than a minute would use their own guess. */
function wholeSeconds(seconds: number): number {
  return Math.min(60, Math.max(1, Math.ceil(seconds)));
}
