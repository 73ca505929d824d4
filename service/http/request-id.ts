/** A name for each request: in every log line about it, in the audit trail, and in the answer's `x-request-id`. */
import type { IncomingMessage } from 'node:http';

/** None that looks like a key: it would stand in every line of the log (I12). */
const GIVEN = /^(?!.*(?:sk|rev_[ms]k)[_-]\w{16})[A-Za-z0-9._:-]{1,128}$/;

/** The caller's own id where it sent a sound one, else a new one. */
export function requestIdOf(message: Pick<IncomingMessage, 'headers'>, newId: () => string): string {
  const given = message.headers['x-request-id'];
  return typeof given === 'string' && GIVEN.test(given) ? given : newId();
}
