/** What of an upstream's headers a caller gets: these and no others. */
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Not among them, on purpose: `set-cookie`, `server`, `via`, `alt-svc` and the like, which speak of a connection that is
 * not the caller's; `openai-organization`, `openai-project` and `anthropic-organization-id`, which name the operator;
 * and `location`: nobody is led around the gateway, least of all with its key in `x-api-key`.
 */
const PASSED: ReadonlySet<string> = new Set([
  ...['content-type', 'content-length', 'content-encoding', 'content-disposition', 'cache-control'],
  ...['retry-after', 'retry-after-ms', 'x-should-retry', 'x-accel-buffering'],
  ...['request-id', 'x-request-id', 'openai-processing-ms', 'openai-version', 'openai-model'],
]);

const LIMITS = /^(?:x-ratelimit-|anthropic-ratelimit-)/;

/** Whether a header of an upstream, in lower case, goes to the caller. */
export function isPassed(name: string): boolean {
  return PASSED.has(name) || LIMITS.test(name);
}

/**
 * The headers of an answer, as `writeHead` takes them: name, value, name, value … `isRewritten`: bytes may be taken out of
 * it, so that its length is not known.
 */
export function answerHeaders(upstream: IncomingHttpHeaders, isRewritten: boolean, extra: readonly string[]): string[] {
  const sent: string[] = [];
  for (const name in upstream) {
    if (!isPassed(name) || (isRewritten && name === 'content-length')) continue;
    const value = upstream[name];
    if (typeof value === 'string') sent.push(name, value);
    else for (const one of value ?? []) sent.push(name, one);
  }
  for (let at = 0; at < extra.length; at += 2) {
    const name = extra[at]!;
    if (upstream[name] === undefined || !isPassed(name)) sent.push(name, extra[at + 1]!);
  }
  return sent;
}

/** Without what cannot stand in a header: an upstream's mistake must not cost the caller the answer. */
export function cleanHeaders(headers: readonly string[]): string[] {
  const clean: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (!UNSENDABLE.test(headers[at + 1]!)) clean.push(headers[at]!, headers[at + 1]!);
  }
  return clean;
}

/** As Node has it. */
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;
