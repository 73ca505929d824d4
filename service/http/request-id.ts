/** A name for each request: in every log line about it, in the audit trail, and in the answer's `x-request-id`. */
import type { IncomingMessage } from 'node:http';

const GIVEN = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's own id where it sent a sound one, else a new one. */
export function requestIdOf(message: Pick<IncomingMessage, 'headers'>, newId: () => string): string {
  const given = message.headers['x-request-id'];
  return typeof given === 'string' && GIVEN.test(given) ? given : newId();
}
