/** What an error of the client's transport says of how an attempt ended. */
import type { AttemptEnd } from '../metering/attempt.js';
import { isAbort } from './answer-watch.js';
import { endOf } from './metered-call.js';

/**
 * The client aborts its own requests when its time limit passes, with the same error as the caller's abort. They differ
 * in the signal: the caller's own is aborted, or the answer is a stream, whose `controller` only the caller uses.
 */
export function endOfStainlessError(
  error: unknown,
  callerSignal: AbortSignal | undefined,
  isOpenStream: boolean,
): AttemptEnd {
  if (callerSignal?.aborted) return 'cancelled';
  if (isAbort(error)) return isOpenStream ? 'cancelled' : 'timed-out';
  return endOf(error);
}
