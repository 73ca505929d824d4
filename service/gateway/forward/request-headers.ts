/** What of a caller's headers an upstream gets: these and no others. */
import type { IncomingHttpHeaders } from 'node:http';
import { VERSION } from '../../version.js';
import type { Upstream } from '../types.js';

/**
 * Not among them, on purpose: the credentials and cookies of the caller; `openai-organization` and `openai-project`, which
 * are the operator's to choose; `x-forwarded-*` and `x-revenium-*`, which are nobody's business there; and
 * `idempotency-key`, since all customers share the operator's account: whoever guessed the key of another would be given
 * the other's answer, and a repeated answer would be metered as a new one.
 */
const PASSED = ['content-type', 'accept', 'anthropic-version', 'anthropic-beta', 'openai-beta'] as const;

/** What every request to an upstream carries, made once for each. */
export interface UpstreamHead {
  /** Name, value, name, value … */
  readonly fixed: readonly string[];
  /** Of {@link PASSED}, those that the upstream's own headers do not set. */
  readonly passed: readonly string[];
}

/**
 * The answer is asked for as it is: its usage has to be read while the very same bytes go on, and a provider compresses
 * little that is worth the time. Who answers compressed nevertheless is passed on and read behind its end.
 */
export function upstreamHeadOf(upstream: Upstream): UpstreamHead {
  const own = new Set(upstream.headers.map(([name]) => name.toLowerCase()));
  const ours = [
    ['accept-encoding', 'identity'],
    ['user-agent', `fusewire/${VERSION}`],
  ].filter(([name]) => !own.has(name!));
  return {
    fixed: [...ours, ...upstream.headers].flat(),
    passed: PASSED.filter((name) => !own.has(name)),
  };
}

/** The headers of one request, as undici takes them; the content's length it adds itself. */
export function requestHeaders(head: UpstreamHead, headers: IncomingHttpHeaders): string[] {
  const sent = head.fixed.slice();
  for (const name of head.passed) {
    const value = headers[name];
    if (typeof value === 'string') sent.push(name, value);
    else if (value !== undefined) sent.push(name, value.join(', '));
  }
  return sent;
}
