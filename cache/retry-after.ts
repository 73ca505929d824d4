/** The `Retry-After` header (contract 2.7, RFC 9110 section 10.2.3). */

const SECONDS = /^[+-]?\d+(\.\d+)?$/;
// The three forms of an HTTP date. Date.parse alone would read "soon 1" as a day in 2001.
const HTTP_DATE = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s.*\d\d:\d\d:\d\d/i;

/**
 * How long a service asks to wait, in milliseconds from `nowMs` (wall clock). Negative seconds and a date in the past
 * mean 0; `undefined` where the header is missing or means nothing.
 */
export function parseRetryAfter(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const text = (typeof header === 'string' ? header : header?.[0])?.trim();
  if (text === undefined) return undefined;
  if (SECONDS.test(text)) return Math.max(0, Number(text) * 1000);
  if (!HTTP_DATE.test(text)) return undefined;
  // The oldest of the three forms names no zone; it is UTC by definition.
  const atMs = Date.parse(/gmt|utc/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
